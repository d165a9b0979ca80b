package interop;

import java.util.HashMap;
import java.util.Map;

/** All cases by name. */
final class Cases {
  private Cases() {}

  static void run(String name, Session session) throws Exception {
    Map<String, Expect.Action> cases = new HashMap<>();
    new ValueCases(session).addTo(cases);
    new CallCases(session).addTo(cases);
    new AttachmentCases(session).addTo(cases);
    new ErrorCases(session).addTo(cases);
    new GenericCases(session).addTo(cases);
    new CallbackCases(session).addTo(cases);
    Expect.Action test = cases.get(name);
    Expect.that(test != null, "no case " + name);
    test.run();
  }
}
