package interop;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.apache.dubbo.config.ReferenceConfig;

/** Holds a reference for each set of options, and the loads under way. */
final class Consumer {
  /** Longer than any call that succeeds. */
  private static final String TIMEOUT_MS = "20000";

  private final Map<String, ReferenceConfig<?>> references = new HashMap<>();
  private final Map<String, Load> loads = new HashMap<>();

  /**
   * The service at `port`. Further options are the reference's parameters, save `path`,
   * which the provider is to find the service at rather than by its interface, and
   * `again`, which sets references with the same parameters apart.
   */
  synchronized <T> T reference(Class<T> type, Map<String, String> options) {
    String key = type.getName() + new TreeMap<>(options);
    ReferenceConfig<?> known = references.get(key);
    if (known == null) {
      known = refer(type, options);
      references.put(key, known);
    }
    return type.cast(known.get());
  }

  private static ReferenceConfig<?> refer(Class<?> type, Map<String, String> options) {
    boolean generic = options.containsKey("generic");
    String service = type == Other.class ? Other.class.getName() : Suite.class.getName();
    Map<String, String> parameters = new TreeMap<>(options);
    String port = parameters.remove("port");
    parameters.remove("again");
    String path = Objects.requireNonNullElse(parameters.remove("path"), service);
    parameters.putIfAbsent("timeout", TIMEOUT_MS);
    parameters.putIfAbsent("retries", "0");
    parameters.putIfAbsent("payload", String.valueOf(16 << 20));
    parameters.putAll(Dubbo.CALLBACKS);
    // Calls that are to get no answer.
    parameters.put("notify.return", "false");

    StringBuilder url = new StringBuilder("dubbo://" + Dubbo.LOOPBACK + ":" + port + "/" + path);
    String separator = "?";
    for (Map.Entry<String, String> parameter : parameters.entrySet()) {
      url.append(separator).append(parameter.getKey()).append('=').append(parameter.getValue());
      separator = "&";
    }

    ReferenceConfig<Object> config = new ReferenceConfig<>();
    config.setApplication(Dubbo.application());
    config.setRegistry(Dubbo.noRegistry());
    config.setInterface(generic ? service : type.getName());
    config.setUrl(url.toString());
    config.setCheck(false);
    config.setTimeout(Integer.valueOf(parameters.get("timeout")));
    config.setRetries(Integer.valueOf(parameters.get("retries")));
    config.setGroup(parameters.get("group"));
    config.setVersion(parameters.get("version"));
    config.setParameters(parameters);
    if (generic) {
      config.setGeneric("true");
    }
    return config;
  }

  /** Closes the connections to a port. */
  synchronized Object release(String port) {
    references
        .entrySet()
        .removeIf(
            each -> {
              boolean ours = each.getKey().contains("port=" + port + ",")
                  || each.getKey().contains("port=" + port + "}");
              if (ours) {
                each.getValue().destroy();
              }
              return ours;
            });
    return null;
  }

  /** Begins to call a port from so many threads. */
  synchronized Object load(Map<String, String> options) {
    int threads = Integer.parseInt(options.remove("threads"));
    loads.put(options.get("port"), new Load(reference(Suite.class, options), threads));
    return null;
  }

  /** Ends the load and says how it went. */
  Object unload(String port) throws InterruptedException {
    Load load;
    synchronized (this) {
      load = loads.remove(port);
    }
    return load.end();
  }
}
