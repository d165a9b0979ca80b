package interop;

import static interop.Expect.equal;
import static interop.Expect.soon;
import static interop.Expect.that;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.service.EchoService;

/** Ways to call. */
final class CallCases {
  private static final int CALLERS = 50;

  private final Session session;
  private final Suite suite;

  CallCases(Session session) {
    this.session = session;
    suite = session.suite();
  }

  void addTo(Map<String, Expect.Action> cases) {
    cases.put("slow", this::slow);
    cases.put("async", this::async);
    cases.put("async-exception", this::asyncException);
    cases.put("async-context", this::asyncContext);
    cases.put("oneway", this::oneway);
    cases.put("oneway-sent", this::onewaySent);
    cases.put("oneway-context", this::onewayContext);
    cases.put("oneway-burst", this::onewayBurst);
    cases.put("echo", () -> equal(((EchoService) suite).$echo("OK 🦀"), "OK 🦀"));
    cases.put("successive", this::successive);
    cases.put("concurrent", this::concurrent);
    cases.put("own-connections", this::ownConnections);
    cases.put("mixed-serializations", this::mixedSerializations);
    cases.put("group-and-version", this::groupAndVersion);
    cases.put("hello-from-other", () -> equal(suite.sayHello("x"), "Other: x"));
    cases.put("other-service", this::otherService);
    cases.put("idle", this::idle);
    cases.put("wait", this::await);
  }

  private void slow() {
    long started = System.nanoTime();
    equal(suite.slow("x", 100), "x");
    that(System.nanoTime() - started >= 100_000_000L, "answered too soon");
  }

  /** The answers come in another order than the calls went. */
  private void async() throws Exception {
    List<CompletableFuture<String>> futures = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      futures.add(suite.later("naïve " + i, 200 - 10 * i));
    }
    for (int i = 0; i < 20; i++) {
      equal(futures.get(i).get(10, TimeUnit.SECONDS), "naïve " + i);
    }
  }

  private void asyncException() {
    Throwable refused =
        Expect.thrown(Exception.class, () -> suite.refuseLater(7).get(10, TimeUnit.SECONDS));
    ErrorCases.isRefused(refused.getCause(), 7);
  }

  private void asyncContext() throws Exception {
    CompletableFuture<String> slow =
        RpcContext.getContext().asyncCall(() -> suite.slow("slow", 100));
    CompletableFuture<String> quick = RpcContext.getContext().asyncCall(() -> suite.sayHello("x"));
    equal(quick.get(10, TimeUnit.SECONDS), "Hello, x!");
    equal(slow.get(10, TimeUnit.SECONDS), "slow");
  }

  private void oneway() throws Exception {
    String key = UUID.randomUUID().toString();
    suite.notify(key);
    suite.ping();
    arrived(key, 1);
  }

  /** The call returns when it has been written. */
  private void onewaySent() throws Exception {
    String key = UUID.randomUUID().toString();
    session.refer(Suite.class, "notify.sent", "true").notify(key);
    arrived(key, 1);
  }

  /** A method that would answer, called one-way. */
  private void onewayContext() throws Exception {
    for (int i = 0; i < 5; i++) {
      RpcContext.getContext().asyncCall(() -> {
        suite.sayHello("nobody");
      });
      equal(suite.slow("x" + i, 1), "x" + i);
    }
  }

  private void onewayBurst() throws Exception {
    String key = UUID.randomUUID().toString();
    for (int i = 0; i < 100; i++) {
      suite.notify(key);
      if (i % 5 == 0) {
        equal(suite.echoInt(i), i);
      }
    }
    arrived(key, 100);
  }

  private void arrived(String key, int count) throws Exception {
    soon(now -> suite.notified(key) >= count, "the one-way call");
    equal(suite.notified(key), count);
  }

  private void successive() {
    for (int i = 0; i < 200; i++) {
      String text = "x".repeat(i);
      equal(suite.join(i, text, Values.list((long) i)), i + " " + text + " " + i);
    }
  }

  private void concurrent() throws Exception {
    concurrently(number -> suite);
  }

  /** Every third caller has a connection of its own. */
  private void ownConnections() throws Exception {
    concurrently(
        number ->
            session.refer(Suite.class, "connections", "1", "again", String.valueOf(number % 3)));
  }

  private interface Callers {
    Suite suite(int number);
  }

  private void concurrently(Callers callers) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(CALLERS);
    try {
      List<Future<?>> all = new ArrayList<>();
      for (int i = 0; i < CALLERS; i++) {
        int number = i;
        Suite suite = callers.suite(number);
        all.add(threads.submit(() -> calls(suite, number)));
      }
      for (Future<?> each : all) {
        each.get();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private void calls(Suite suite, int number) {
    int rounds = session.option("rounds", 20);
    for (int i = 0; i < rounds; i++) {
      String text = number + "/" + i;
      if (i % 7 == 3) {
        equal(suite.slow(text, number % 5), text);
      } else if (i % 7 == 5) {
        equal(suite.echoString(text + Values.text(5000)), text + Values.text(5000));
      } else {
        equal(suite.join(number, text, Values.list((long) i)), number + " " + text + " " + i);
      }
    }
  }

  /** Two references, one connection. */
  private void mixedSerializations() throws Exception {
    Suite one = session.refer(Suite.class, "serialization", "hessian2");
    Suite other = session.refer(Suite.class, "serialization", "fastjson2");
    for (int i = 0; i < 20; i++) {
      equal(one.echoOrder(Values.order(i)), Values.order(i));
      equal(other.echoOrder(Values.order(-i)), Values.order(-i));
    }
    concurrently(number -> number % 2 == 0 ? one : other);
  }

  /** The same service once more, of another group and version, counts by itself. */
  private void groupAndVersion() throws Exception {
    Suite blue = session.refer(Suite.class, "group", Dubbo.GROUP, "version", Dubbo.VERSION);
    String key = UUID.randomUUID().toString();
    blue.notify(key);
    soon(now -> blue.notified(key) == 1, "the one-way call");
    equal(suite.notified(key), 0);
    equal(blue.echoOrder(Values.order(1)), Values.order(1));
  }

  private void otherService() {
    equal(session.refer(Other.class).sayHello("naïve"), "Other: naïve");
  }

  /** Calls, is idle, and calls again. */
  private void idle() throws Exception {
    equal(suite.echoInt(1), 1);
    Thread.sleep(session.option("ms", 3000));
    equal(suite.echoInt(2), 2);
  }

  /** A slow call that does get its answer. */
  private void await() {
    equal(suite.slow("awaited", session.option("ms", 1000)), "awaited");
  }
}
