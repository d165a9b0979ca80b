package interop;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ServiceConfig;

/** Exports the services. */
final class Provider {
  private final Suite suite = new SuiteProvider();
  private final Map<String, Integer> otherCalls = new ConcurrentHashMap<>();

  /** Serves at a port; further options are parameters of the protocol. */
  synchronized Object export(Map<String, String> options) {
    ProtocolConfig protocol = new ProtocolConfig();
    protocol.setName("dubbo");
    protocol.setHost(Dubbo.LOOPBACK);
    protocol.setPort(Integer.parseInt(options.remove("port")));
    protocol.setPayload(16 << 20);
    protocol.setThreads(250);
    Map<String, String> parameters = new HashMap<>(options);
    // Both have to be named, or the second is refused.
    parameters.put("prefer.serialization", "hessian2,fastjson2");
    parameters.put("bind.ip", Dubbo.LOOPBACK);
    protocol.setParameters(parameters);

    export(protocol, Suite.class, suite, null, null);
    export(protocol, Suite.class, new SuiteProvider(), Dubbo.GROUP, Dubbo.VERSION);
    Other other =
        name -> {
          otherCalls.merge(name, 1, Integer::sum);
          return "Other: " + name;
        };
    export(protocol, Other.class, other, null, null);
    return null;
  }

  private static <T> void export(
      ProtocolConfig protocol, Class<T> type, T service, String group, String version) {
    ServiceConfig<T> config = new ServiceConfig<>();
    config.setApplication(Dubbo.application());
    config.setRegistry(Dubbo.noRegistry());
    config.setProtocol(protocol);
    config.setInterface(type);
    config.setRef(service);
    config.setGroup(group);
    config.setVersion(version);
    config.setParameters(Dubbo.CALLBACKS);
    config.export();
  }

  /** How often the other service was called with a name. */
  Object otherCalls(String name) {
    return otherCalls.getOrDefault(name, 0);
  }
}
