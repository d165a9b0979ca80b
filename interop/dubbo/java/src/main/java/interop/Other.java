package interop;

/** Another service, whose name is as long as that of {@link Suite}. */
public interface Other {
  String sayHello(String name);
}
