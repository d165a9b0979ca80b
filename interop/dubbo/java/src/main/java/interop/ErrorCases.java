package interop;

import static interop.Expect.equal;
import static interop.Expect.that;
import static interop.Expect.thrown;

import java.util.List;
import java.util.Map;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.service.GenericService;

/** Calls that fail. */
final class ErrorCases {
  private final Session session;
  private final Suite suite;

  ErrorCases(Session session) {
    this.session = session;
    suite = session.suite();
  }

  void addTo(Map<String, Expect.Action> cases) {
    cases.put("declared-exception", this::declaredException);
    cases.put("runtime-exception", this::runtimeException);
    cases.put("own-exception", this::ownException);
    cases.put("unknown-method", this::unknownMethod);
    cases.put("unknown-service", this::unknownService);
    cases.put("timeout", this::timeout);
    cases.put("failing", () -> failing(() -> suite.slow("x", session.option("ms", 10_000))));
    cases.put("failing-big", () -> failing(() -> suite.length(Values.text(bytes()))));
    cases.put("failing-big-answer", () -> failing(() -> suite.fill(bytes())));
    cases.put("failing-hello", () -> failing(() -> suite.sayHello("failing")));
  }

  static void isRefused(Throwable e, int code) {
    that(e instanceof Refused, "got " + e + ", want Refused");
    equal(e.getMessage(), "refused: " + code);
    equal(((Refused) e).getCode(), code);
    equal(((Refused) e).getHints(), List.of("naïve", "漢字"));
  }

  private void declaredException() {
    for (int code : new int[] {0, -5}) {
      isRefused(thrown(Refused.class, () -> suite.refuse(code)), code);
    }
    suite.ping();
  }

  private void runtimeException() {
    IllegalStateException e = thrown(IllegalStateException.class, () -> suite.fail("naïve 🦀"));
    equal(e.getMessage(), "naïve 🦀");
    suite.ping();
  }

  private void ownException() {
    Broken e = thrown(Broken.class, () -> suite.breakDown("x".repeat(5000)));
    equal(e.getMessage(), "x".repeat(5000));
    equal(e.getCause().getClass(), IllegalArgumentException.class);
    equal(e.getCause().getMessage(), "the cause");
    suite.ping();
  }

  private void unknownMethod() {
    GenericService service = session.refer(GenericService.class, "generic", "true");
    String[] types = {"int"};
    Throwable e =
        thrown(Throwable.class, () -> service.$invoke("addedLater", types, new Object[] {1}));
    that(!(e instanceof AssertionError), "got an answer");
    that(String.valueOf(e).contains("addedLater"), "another exception: " + e);
    suite.ping();
  }

  private void unknownService() {
    Suite absent = session.refer(Suite.class, "group", "green");
    Throwable e = thrown(Throwable.class, absent::ping);
    that(!(e instanceof AssertionError), "got an answer");
    suite.ping();
  }

  /** The consumer waits less than the provider takes. */
  private void timeout() {
    Suite hurried = session.refer(Suite.class, "timeout", "300");
    long started = System.nanoTime();
    RpcException e = thrown(RpcException.class, () -> hurried.slow("x", 1500));
    that(e.isTimeout(), "not a timeout: " + e);
    that(System.nanoTime() - started < 1_400_000_000L, "the timeout came late");
    equal(suite.sayHello("x"), "Hello, x!");
  }

  /** Expects an exception with the code `code` and the text `text`. */
  private void failing(Expect.Action call) {
    RpcException e = thrown(RpcException.class, call);
    String code = session.option("code", "");
    that(code.isEmpty() || code.equals(String.valueOf(e.getCode())), "code " + e.getCode() + ": " + e);
    StringBuilder texts = new StringBuilder();
    for (Throwable each = e; each != null; each = each.getCause()) {
      texts.append(each).append('\n');
    }
    that(texts.indexOf(session.option("text", "")) >= 0, "another text: " + firstLines(texts));
  }

  private int bytes() {
    return session.option("bytes", 100_000);
  }

  private static String firstLines(StringBuilder texts) {
    return texts.substring(0, Math.min(600, texts.length()));
  }
}
