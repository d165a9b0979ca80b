package interop;

import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.RegistryConfig;

/** What provider and consumer tell the framework alike. */
final class Dubbo {
  /** 127.0.0.1, which in its usual form the framework replaces by another of the machine's. */
  static final String LOOPBACK = String.valueOf(0x7f000001);

  /** Of the second export of the suite. */
  static final String GROUP = "blue";

  static final String VERSION = "2.1.0";

  /**
   * Both sides have to know that the listener stays where it is, and that there are many.
   * 3.x heeds the first only if the method has a plainer parameter as well.
   */
  static final Map<String, String> CALLBACKS =
      Map.of("subscribe.2.callback", "true", "subscribe.return", "true", "callbacks", "1000");

  private static final ApplicationConfig APPLICATION = new ApplicationConfig("interop");
  private static final RegistryConfig NO_REGISTRY = new RegistryConfig("N/A");

  private Dubbo() {}

  static ApplicationConfig application() {
    return APPLICATION;
  }

  static RegistryConfig noRegistry() {
    return NO_REGISTRY;
  }
}
