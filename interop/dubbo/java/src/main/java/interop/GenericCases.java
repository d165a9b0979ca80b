package interop;

import static interop.Expect.equal;
import static interop.Expect.that;
import static interop.Expect.thrown;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.rpc.service.GenericService;

/** Calls without the interface, as gateways make them. */
final class GenericCases {
  private final Session session;

  GenericCases(Session session) {
    this.session = session;
  }

  void addTo(Map<String, Expect.Action> cases) {
    cases.put("generic", this::plain);
    cases.put("generic-pojo", this::pojo);
    cases.put("generic-async", this::async);
    cases.put("generic-exception", this::exception);
  }

  private GenericService service() {
    return session.refer(GenericService.class, "generic", "true");
  }

  private static Object call(GenericService service, String method, String type, Object argument) {
    return service.$invoke(method, new String[] {type}, new Object[] {argument});
  }

  private void plain() {
    GenericService service = service();
    equal(call(service, "sayHello", "java.lang.String", "漢字"), "Hello, 漢字!");
    equal(call(service, "echoInt", "int", -7), -7);
    equal(service.$invoke("ping", new String[] {}, new Object[] {}), null);
    String[] types = {"int", "java.lang.String", "java.util.List"};
    Object[] arguments = {1, "x", Values.list(2L, 3L)};
    equal(service.$invoke("join", types, arguments), "1 x 5");
  }

  private void pojo() {
    Map<String, Object> line = new HashMap<>();
    line.put("class", "interop.Line");
    line.put("article", "naïve");
    line.put("count", 3);
    line.put("colour", "GREEN");
    Map<String, Object> order = new HashMap<>();
    order.put("class", "interop.Order");
    order.put("id", 5L);
    order.put("lines", Values.list(line));
    Map<?, ?> got = (Map<?, ?>) call(service(), "echoOrder", "interop.Order", order);
    equal(got.get("id"), 5L);
    equal(got.get("paid"), false);
    Map<?, ?> gotLine = (Map<?, ?>) ((List<?>) got.get("lines")).get(0);
    equal(gotLine.get("article"), "naïve");
    equal(gotLine.get("count"), 3);
    equal(gotLine.get("colour"), "GREEN");
  }

  private void async() throws Exception {
    String[] types = {"java.lang.String", "int"};
    Object got =
        service().$invokeAsync("slow", types, new Object[] {"x", 50}).get(10, TimeUnit.SECONDS);
    equal(got, "x");
  }

  private void exception() {
    // 2.7 has a class of this name in another package.
    RuntimeException e =
        thrown(RuntimeException.class, () -> call(service(), "refuse", "int", 9));
    equal(e.getClass().getSimpleName(), "GenericException");
    that(e.getMessage().startsWith("interop.Refused: refused: 9"), e.getMessage());
    that(call(service(), "echoInt", "int", 1).equals(1), "no answer after the exception");
  }
}
