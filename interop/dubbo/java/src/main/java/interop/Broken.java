package interop;

/** An exception of the service's own that no method declares. */
public class Broken extends RuntimeException {
  private static final long serialVersionUID = 1;

  public Broken() {}

  public Broken(String message, Throwable cause) {
    super(message, cause);
  }
}
