package interop;

import static interop.Expect.equal;
import static interop.Expect.soon;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Listeners that the provider calls on the consumer's connection. */
final class CallbackCases {
  private static final int TIMES = 20;

  private final Session session;

  CallbackCases(Session session) {
    this.session = session;
  }

  void addTo(Map<String, Expect.Action> cases) {
    cases.put("callback", () -> subscription(session.suite()).check());
    cases.put("callback-several", this::several);
  }

  /** A subscription, and what its listener was told. */
  private record Subscription(Suite suite, String key, List<String> heard) {
    void check() throws Exception {
      List<String> wantHeard = new ArrayList<>();
      List<String> wantAnswers = new ArrayList<>();
      for (int number = 0; number < TIMES; number++) {
        wantHeard.add(key + " " + number);
        wantAnswers.add("heard " + key + " " + number);
      }
      soon(now -> suite.answers(key).size() >= TIMES, "the listener's answers");
      equal(heard, wantHeard);
      equal(suite.answers(key), wantAnswers);
    }
  }

  private static Subscription subscription(Suite suite) {
    String key = UUID.randomUUID().toString();
    List<String> heard = Collections.synchronizedList(new ArrayList<>());
    Listener listener =
        (gotKey, number) -> {
          heard.add(gotKey + " " + number);
          return "heard " + gotKey + " " + number;
        };
    suite.subscribe(key, TIMES, listener);
    return new Subscription(suite, key, heard);
  }

  /** Several listeners on several connections, with calls between. */
  private void several() throws Exception {
    List<Subscription> all = new ArrayList<>();
    for (String again : List.of("a", "b", "c")) {
      Suite suite = session.refer(Suite.class, "connections", "1", "again", again);
      all.add(subscription(suite));
      all.add(subscription(suite));
      equal(suite.echoString(again), again);
    }
    for (Subscription each : all) {
      each.check();
    }
  }
}
