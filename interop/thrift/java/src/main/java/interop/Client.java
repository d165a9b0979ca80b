package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.stream.Stream;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.transport.TTransport;
import suite.Later;

/** Runs the cases named by --case, or else on stdin, and prints a JSON line for each. */
public final class Client {
  /** Longer than any call that succeeds. */
  private static final int TIMEOUT_MS = 20_000;

  private final Form form;
  private int opened;
  private Connection connection;

  private Client(Form form) {
    this.form = form;
  }

  public static void main(String[] args) {
    Form form = new Form(args);
    Client client = new Client(form);
    String names = form.value("--case", null);
    Stream<String> cases =
        names == null
            ? new BufferedReader(new InputStreamReader(System.in)).lines()
            : Stream.of(names.split(","));
    cases.forEach(client::run);
    client.drop();
  }

  /** A connection; `suite` is the service by its bare method names. */
  record Connection(TTransport transport, TProtocol protocol, Later.Client suite)
      implements AutoCloseable {
    @Override
    public void close() {
      transport.close();
    }
  }

  Connection connect() throws Exception {
    TTransport transport = form.transports().getTransport(Tls.connect(form, TIMEOUT_MS));
    TProtocol protocol = form.protocols().getProtocol(transport);
    return new Connection(transport, protocol, new Later.Client(protocol));
  }

  /** How many calls each concurrent client makes. */
  int rounds() {
    return Integer.parseInt(form.value("--rounds", "20"));
  }

  private void run(String name) {
    long started = System.nanoTime();
    String error = null;
    try {
      if (connection == null) {
        connection = connect();
        opened++;
      }
      Cases.run(name, this, connection);
    } catch (Exception | AssertionError e) {
      error = e.toString();
      drop();
    }
    long ms = (System.nanoTime() - started) / 1_000_000;
    System.out.printf(
        "{\"case\": %s, \"ok\": %b, \"error\": %s, \"ms\": %d, \"connections\": %d}%n",
        quoted(name), error == null, quoted(error), ms, opened);
  }

  /** The connection is opened when first needed and again after a failure. */
  private void drop() {
    if (connection != null) {
      connection.close();
      connection = null;
    }
  }

  private static String quoted(String text) {
    if (text == null) {
      return "null";
    }
    StringBuilder quoted = new StringBuilder("\"");
    text.chars()
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
