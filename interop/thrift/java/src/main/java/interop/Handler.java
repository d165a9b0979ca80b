package interop;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import suite.Choice;
import suite.Colour;
import suite.Containers;
import suite.Deep;
import suite.Optionals;
import suite.Refused;
import suite.Scalars;
import suite.Suite;
import suite.suiteConstants;

final class Handler implements Suite.Iface {
  private final Map<String, Integer> notified = new ConcurrentHashMap<>();

  @Override
  public void ping() {}

  @Override
  public String name() {
    return "java";
  }

  @Override
  public boolean echoBool(boolean v) {
    return v;
  }

  @Override
  public byte echoI8(byte v) {
    return v;
  }

  @Override
  public short echoI16(short v) {
    return v;
  }

  @Override
  public int echoI32(int v) {
    return v;
  }

  @Override
  public long echoI64(long v) {
    return v;
  }

  @Override
  public double echoDouble(double v) {
    return v;
  }

  @Override
  public String echoString(String v) {
    return v;
  }

  @Override
  public ByteBuffer echoBinary(ByteBuffer v) {
    return v;
  }

  @Override
  public Colour echoColour(Colour v) {
    return v;
  }

  @Override
  public Scalars echoScalars(Scalars v) {
    return v;
  }

  @Override
  public Optionals echoOptionals(Optionals v) {
    return v;
  }

  @Override
  public Choice echoChoice(Choice v) {
    return v;
  }

  @Override
  public Containers echoContainers(Containers v) {
    return v;
  }

  @Override
  public Deep echoDeep(Deep v) {
    return v;
  }

  @Override
  public Scalars scalars() {
    return suiteConstants.SCALARS;
  }

  @Override
  public Containers containers() {
    return suiteConstants.CONTAINERS;
  }

  @Override
  public String join(int a, String b, List<Long> c) {
    return a + " " + b + " " + c.stream().mapToLong(Long::longValue).sum();
  }

  @Override
  public int slow(int ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return ms;
  }

  @Override
  public void refuse(int code) throws Refused {
    throw new Refused(code, "refused: " + code, List.of(true, false, true));
  }

  @Override
  public void fail() {
    throw new IllegalStateException("as asked");
  }

  @Override
  public void notify(String key) {
    notified.merge(key, 1, Integer::sum);
  }

  @Override
  public int notified(String key) {
    return notified.getOrDefault(key, 0);
  }

  /** The library has no header transport. */
  @Override
  public Map<String, String> headers(Map<String, String> reply) {
    return Map.of();
  }
}
