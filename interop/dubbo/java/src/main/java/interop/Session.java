package interop;

import java.util.Map;
import java.util.TreeMap;

/** What a case is run with: its own options, which begin with `@`, and the reference's. */
final class Session {
  private final Consumer consumer;
  private final Map<String, String> own = new TreeMap<>();
  private final Map<String, String> reference = new TreeMap<>();

  Session(Consumer consumer, Map<String, String> options) {
    this.consumer = consumer;
    options.forEach((key, value) -> (key.startsWith("@") ? own : reference).put(key, value));
  }

  String option(String name, String otherwise) {
    return own.getOrDefault("@" + name, otherwise);
  }

  int option(String name, int otherwise) {
    return Integer.parseInt(option(name, String.valueOf(otherwise)));
  }

  Suite suite() {
    return refer(Suite.class);
  }

  /** A reference with further parameters, given as keys and values. */
  <T> T refer(Class<T> type, String... further) {
    Map<String, String> parameters = new TreeMap<>(reference);
    for (int i = 0; i < further.length; i += 2) {
      parameters.put(further[i], further[i + 1]);
    }
    return consumer.reference(type, parameters);
  }
}
