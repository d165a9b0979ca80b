package interop;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TMultiplexedProtocol;
import org.apache.thrift.protocol.TProtocol;
import suite.Choice;
import suite.Colour;
import suite.Containers;
import suite.Later;
import suite.Optionals;
import suite.Refused;
import suite.Second;
import suite.Suite;
import suite.suiteConstants;

/** What a client asks of a server, and what it must get back. */
final class Cases {
  private final Client client;
  private final Client.Connection connection;
  private final Later.Client suite;

  private Cases(Client client, Client.Connection connection) {
    this.client = client;
    this.connection = connection;
    this.suite = connection.suite();
  }

  static void run(String name, Client client, Client.Connection connection) throws Exception {
    Cases cases = new Cases(client, connection);
    switch (name) {
      case "void" -> cases.suite.ping();
      case "bools" -> echo(cases.suite::echoBool, true, false);
      case "ints" -> cases.ints();
      case "doubles" -> cases.doubles();
      case "infinities" ->
          echo(
              cases.suite::echoDouble,
              Double.POSITIVE_INFINITY,
              Double.NEGATIVE_INFINITY,
              Double.NaN);
      case "strings" ->
          echo(cases.suite::echoString, "", "plain", "naïve", "漢字", "🦀𝔘");
      case "control-characters" ->
          echo(cases.suite::echoString, "a\0b\r\n\t", "\001\b\f\037", "\"quoted\" \\ /");
      case "binary" ->
          echo(
              cases.suite::echoBinary,
              ByteBuffer.allocate(0),
              allBytes(1),
              ByteBuffer.wrap(new byte[] {(byte) 0x80, 1, 0, 0, (byte) 0x80, 1, 0, 0}));
      case "enums" -> echo(cases.suite::echoColour, Colour.RED, Colour.NIGHT);
      case "structs" -> echo(cases.suite::echoScalars, suiteConstants.SCALARS);
      case "optionals" -> cases.optionals();
      case "unions" -> cases.unions();
      case "containers" -> echo(cases.suite::echoContainers, suiteConstants.CONTAINERS);
      case "empty-containers" -> cases.emptyContainers();
      case "many-elements" -> echo(cases.suite::echoContainers, Values.manyElements());
      case "deep" -> echo(cases.suite::echoDeep, Values.deepByField(60), Values.deepByList(30));
      case "uuids" -> cases.untyped(Values.uuids());
      case "many-fields" -> cases.untyped(Values.manyFields());
      case "constants" -> cases.constants();
      case "arguments" -> cases.arguments();
      case "exception" -> cases.exception();
      case "undeclared-exception" -> cases.undeclaredException();
      case "unknown-method" -> cases.unknownMethod();
      case "oneway" -> cases.oneway();
      case "oneway-burst" -> cases.onewayBurst();
      case "oneway-then-idle" -> cases.onewayThenIdle();
      case "oneway-alone" -> cases.onewayAlone();
      case "big-binary" -> echo(cases.suite::echoBinary, allBytes(5 * 4096));
      case "big-string" ->
          echo(cases.suite::echoString, "naïve 漢字 🦀 ".repeat(5 * (1 << 20) / 19 + 1));
      case "slow" -> cases.slow();
      case "successive" -> cases.successive();
      case "pipelined" -> cases.pipelined();
      case "multiplexed" -> cases.multiplexed();
      case "concurrent" -> cases.concurrent();
      // A call that no server lives long enough to answer.
      case "failing" ->
          applicationException(
              TApplicationException.INTERNAL_ERROR, () -> cases.suite.slow(10_000));
      default -> throw new IllegalArgumentException("no case " + name);
    }
  }

  private interface Call<T> {
    T call(T value) throws Exception;
  }

  private interface Action {
    void run() throws Exception;
  }

  private static void equal(Object got, Object want) {
    if (!want.equals(got)) {
      throw new AssertionError(String.format("got %.200s, want %.200s", got, want));
    }
  }

  @SafeVarargs
  private static <T> void echo(Call<T> call, T... values) throws Exception {
    for (T value : values) {
      equal(call.call(value), value);
    }
  }

  private static void applicationException(int kind, Action action) throws Exception {
    try {
      action.run();
    } catch (TApplicationException e) {
      equal(e.getType(), kind);
      return;
    }
    throw new AssertionError("got an answer, want an application exception");
  }

  private static ByteBuffer allBytes(int times) {
    byte[] all = new byte[256 * times];
    for (int i = 0; i < all.length; i++) {
      all[i] = (byte) i;
    }
    return ByteBuffer.wrap(all);
  }

  private void ints() throws Exception {
    echo(suite::echoI8, Byte.MIN_VALUE, (byte) -1, (byte) 0, Byte.MAX_VALUE);
    echo(suite::echoI16, Short.MIN_VALUE, (short) -1, (short) 0, Short.MAX_VALUE);
    echo(suite::echoI32, Integer.MIN_VALUE, -1, 0, Integer.MAX_VALUE);
    echo(suite::echoI64, Long.MIN_VALUE, -1L, 0L, 1L << 31, Long.MAX_VALUE);
  }

  private void doubles() throws Exception {
    echo(suite::echoDouble, 0.0, -0.0, 1.5, -Double.MAX_VALUE, Double.MIN_VALUE);
  }

  private void optionals() throws Exception {
    echo(
        suite::echoOptionals,
        new Optionals().setName("bare"),
        new Optionals().setName("empty").setCount(0).setNote("").setFlag(false).setPlain(0),
        new Optionals()
            .setName("full")
            .setCount(-1)
            .setNote("n")
            .setFlag(true)
            .setPlain(1)
            .setInner(suiteConstants.SCALARS));
  }

  private void unions() throws Exception {
    echo(
        suite::echoChoice,
        Choice.number(0),
        Choice.text("🦀"),
        Choice.flags(List.of(true, false, true)),
        Choice.scalars(suiteConstants.SCALARS));
  }

  private void emptyContainers() throws Exception {
    echo(
        suite::echoContainers,
        new Containers(
            List.of(), List.of(), Map.of(), Set.of(), List.of(), Map.of(), Set.of(), Map.of(),
            List.of(), Map.of()));
  }

  private void untyped(Untyped.Struct value) throws Exception {
    equal(Untyped.echo(connection.protocol(), value), value);
  }

  private void constants() throws Exception {
    equal(suite.scalars(), suiteConstants.SCALARS);
    equal(suite.containers(), suiteConstants.CONTAINERS);
  }

  private void arguments() throws Exception {
    equal(
        suite.join(-7, "naïve 🦀", List.of(1L << 40, -5L, 3L)), "-7 naïve 🦀 " + ((1L << 40) - 2));
    equal(suite.join(0, "", List.of()), "0  0");
  }

  private void exception() throws Exception {
    for (int code : new int[] {0, -5}) {
      Refused want = new Refused(code, "refused: " + code, List.of(true, false, true));
      try {
        suite.refuse(code);
        throw new AssertionError("not refused");
      } catch (Refused got) {
        equal(got, want);
      }
    }
    suite.ping();
  }

  private void undeclaredException() throws Exception {
    applicationException(TApplicationException.INTERNAL_ERROR, suite::fail);
    suite.ping();
  }

  private void unknownMethod() throws Exception {
    applicationException(TApplicationException.UNKNOWN_METHOD, () -> suite.addedLater(1));
    suite.ping();
  }

  private void awaitNotified(String key, int count) throws Exception {
    long deadline = System.nanoTime() + 5_000_000_000L;
    while (suite.notified(key) < count && System.nanoTime() < deadline) {
      Thread.sleep(10);
    }
    equal(suite.notified(key), count);
  }

  private void oneway() throws Exception {
    String key = UUID.randomUUID().toString();
    suite.notify(key);
    suite.ping();
    awaitNotified(key, 1);
  }

  private void onewayBurst() throws Exception {
    String key = UUID.randomUUID().toString();
    for (int i = 0; i < 20; i++) {
      suite.notify(key);
      echo(suite::echoI32, i);
    }
    awaitNotified(key, 20);
  }

  /** Calls, waits longer than the proxy's request timeout, and calls again. */
  private void onewayThenIdle() throws Exception {
    suite.notify("idle");
    echo(suite::echoI32, 1);
    Thread.sleep(2500);
    echo(suite::echoI32, 2, 3);
  }

  /** Waits longer than the proxy's request timeout with nothing else in flight. */
  private void onewayAlone() throws Exception {
    suite.notify("alone");
    Thread.sleep(2500);
    echo(suite::echoI32, 1, 2);
  }

  private void slow() throws Exception {
    long started = System.nanoTime();
    equal(suite.slow(100), 100);
    if (System.nanoTime() - started < 100_000_000L) {
      throw new AssertionError("answered too soon");
    }
  }

  private void successive() throws Exception {
    for (int i = 0; i < 200; i++) {
      String text = "x".repeat(i);
      equal(suite.join(i, text, List.of((long) i)), i + " " + text + " " + i);
    }
  }

  /** Sends all requests before it reads the first answer, each with sequence id 0. */
  private void pipelined() throws Exception {
    TProtocol protocol = connection.protocol();
    int[] waits = {150, 0, 100, 20, 80, 1, 50, 10};
    for (int ms : waits) {
      protocol.writeMessageBegin(new TMessage("slow", TMessageType.CALL, 0));
      new Suite.slow_args(ms).write(protocol);
      protocol.writeMessageEnd();
      protocol.getTransport().flush();
    }
    for (int ms : waits) {
      TMessage message = protocol.readMessageBegin();
      equal(message.seqid, 0);
      equal(message.type, TMessageType.REPLY);
      Suite.slow_result result = new Suite.slow_result();
      result.read(protocol);
      protocol.readMessageEnd();
      equal(result.getSuccess(), ms);
    }
  }

  private void multiplexed() throws Exception {
    TProtocol protocol = connection.protocol();
    Suite.Client first = new Suite.Client(new TMultiplexedProtocol(protocol, "Suite"));
    Second.Client second = new Second.Client(new TMultiplexedProtocol(protocol, "Second"));
    equal(first.name(), suite.name());
    equal(second.name(), "second");
    echo(first::echoContainers, suiteConstants.CONTAINERS);
    equal(second.name(), "second");
  }

  /** 32 clients at once, each with a connection of its own. */
  private void concurrent() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(32);
    try {
      List<Future<?>> clients = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        int number = i;
        clients.add(
            threads.submit(
                () -> {
                  joins(number);
                  return null;
                }));
      }
      for (Future<?> each : clients) {
        each.get();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private void joins(int number) throws Exception {
    try (Client.Connection own = client.connect()) {
      for (int i = 0; i < client.rounds(); i++) {
        String name = number + "/" + i;
        String got = own.suite().join(number, name, List.of((long) number, (long) i));
        equal(got, number + " " + name + " " + (number + i));
      }
    }
  }
}
