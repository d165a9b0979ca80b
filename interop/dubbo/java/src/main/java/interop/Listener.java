package interop;

/** A consumer's object that the provider calls. */
public interface Listener {
  /** Answers what it was told. */
  String tell(String key, int number);
}
