package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A provider or a consumer that does what stdin says: a line `ID COMMAND KEY=VALUE...`
 * each. It prints a JSON line for each when it is done; several may be under way.
 */
public final class Peer {
  private final Provider provider = new Provider();
  private final Consumer consumer = new Consumer();
  private final PrintStream out;

  private Peer(PrintStream out) {
    this.out = out;
  }

  public static void main(String[] args) throws Exception {
    // Whatever a library prints goes elsewhere.
    Peer peer = new Peer(System.out);
    System.setOut(System.err);
    peer.out.println("ready");
    ExecutorService threads = Executors.newCachedThreadPool();
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = input.readLine()) != null; ) {
      String[] words = line.split(" ");
      threads.execute(() -> peer.answer(words));
    }
    Runtime.getRuntime().halt(0);
  }

  private void answer(String[] words) {
    Map<String, String> options = new TreeMap<>();
    for (int i = 2; i < words.length; i++) {
      String[] pair = words[i].split("=", 2);
      options.put(pair[0], URLDecoder.decode(pair[1], StandardCharsets.UTF_8));
    }
    long started = System.nanoTime();
    Object value = null;
    String error = null;
    try {
      value = obey(words[1], options);
    } catch (Throwable e) {
      error = e.toString();
      e.printStackTrace();
    }
    long ms = (System.nanoTime() - started) / 1_000_000;
    String answer =
        String.format(
            "{\"id\": %s, \"ok\": %b, \"error\": %s, \"ms\": %d, \"value\": %s}",
            words[0], error == null, quoted(error), ms,
            quoted(value == null ? null : value.toString()));
    out.println(answer);
    out.flush();
  }

  private Object obey(String command, Map<String, String> options) throws Exception {
    return switch (command) {
      case "export" -> provider.export(options);
      case "other-calls" -> provider.otherCalls(options.get("name"));
      case "case" -> {
        Cases.run(options.remove("name"), new Session(consumer, options));
        yield null;
      }
      case "load" -> consumer.load(options);
      case "unload" -> consumer.unload(options.get("port"));
      case "release" -> consumer.release(options.get("port"));
      default -> throw new IllegalArgumentException("no command " + command);
    };
  }

  private static String quoted(String text) {
    if (text == null) {
      return "null";
    }
    StringBuilder quoted = new StringBuilder("\"");
    text.chars()
        .limit(2000)
        .forEach(
            c -> {
              if (c < ' ' || c == '"' || c == '\\' || c > '~') {
                quoted.append(String.format("\\u%04x", c));
              } else {
                quoted.append((char) c);
              }
            });
    return quoted.append('"').toString();
  }
}
