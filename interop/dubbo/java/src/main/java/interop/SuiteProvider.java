package interop;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.rpc.RpcContext;

/** The service. */
final class SuiteProvider implements Suite {
  private final Map<String, Integer> notified = new ConcurrentHashMap<>();
  private final Map<String, List<String>> answers = new ConcurrentHashMap<>();

  @Override
  public String sayHello(String name) {
    return "Hello, " + name + "!";
  }

  @Override
  public boolean echoBoolean(boolean value) {
    return value;
  }

  @Override
  public byte echoByte(byte value) {
    return value;
  }

  @Override
  public short echoShort(short value) {
    return value;
  }

  @Override
  public char echoChar(char value) {
    return value;
  }

  @Override
  public int echoInt(int value) {
    return value;
  }

  @Override
  public long echoLong(long value) {
    return value;
  }

  @Override
  public float echoFloat(float value) {
    return value;
  }

  @Override
  public double echoDouble(double value) {
    return value;
  }

  @Override
  public Integer echoInteger(Integer value) {
    return value;
  }

  @Override
  public String echoString(String value) {
    return value;
  }

  @Override
  public byte[] echoBytes(byte[] value) {
    return value;
  }

  @Override
  public int[] echoInts(int[] value) {
    return value;
  }

  @Override
  public String[] echoStrings(String[] value) {
    return value;
  }

  @Override
  public double[][] echoGrid(double[][] value) {
    return value;
  }

  @Override
  public Order echoOrder(Order value) {
    return value;
  }

  @Override
  public List<Order> echoOrders(List<Order> value) {
    return value;
  }

  @Override
  public Map<String, List<Order>> echoOrdersByName(Map<String, List<Order>> value) {
    return value;
  }

  @Override
  public Set<Integer> echoSet(Set<Integer> value) {
    return value;
  }

  @Override
  public Map<Long, Boolean> echoFlags(Map<Long, Boolean> value) {
    return value;
  }

  @Override
  public Colour echoColour(Colour value) {
    return value;
  }

  @Override
  public Date echoDate(Date value) {
    return value;
  }

  @Override
  public BigDecimal echoDecimal(BigDecimal value) {
    return value;
  }

  @Override
  public BigInteger echoBigInteger(BigInteger value) {
    return value;
  }

  @Override
  public LocalDate echoLocalDate(LocalDate value) {
    return value;
  }

  @Override
  public LocalDateTime echoLocalDateTime(LocalDateTime value) {
    return value;
  }

  @Override
  public Instant echoInstant(Instant value) {
    return value;
  }

  @Override
  public Duration echoDuration(Duration value) {
    return value;
  }

  @Override
  public Object echoObject(Object value) {
    return value;
  }

  @Override
  public String join(int a, String b, List<Long> c) {
    return a + " " + b + " " + c.stream().mapToLong(Long::longValue).sum();
  }

  @Override
  public String join(String a, String b) {
    return a + "+" + b;
  }

  @Override
  public void ping() {}

  @Override
  public String nothing(String value) {
    return null;
  }

  @Override
  public void refuse(int code) throws Refused {
    throw new Refused(code);
  }

  @Override
  public String fail(String message) {
    throw new IllegalStateException(message);
  }

  @Override
  public String breakDown(String message) {
    throw new Broken(message, new IllegalArgumentException("the cause"));
  }

  @Override
  public String slow(String text, int ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return text;
  }

  @Override
  public CompletableFuture<String> later(String text, int ms) {
    return CompletableFuture.supplyAsync(
        () -> text, CompletableFuture.delayedExecutor(ms, TimeUnit.MILLISECONDS));
  }

  @Override
  public CompletableFuture<String> refuseLater(int code) {
    CompletableFuture<String> future = new CompletableFuture<>();
    CompletableFuture.delayedExecutor(10, TimeUnit.MILLISECONDS)
        .execute(() -> future.completeExceptionally(new Refused(code)));
    return future;
  }

  @Override
  public void notify(String key) {
    notified.merge(key, 1, Integer::sum);
  }

  @Override
  public int notified(String key) {
    return notified.getOrDefault(key, 0);
  }

  @Override
  public String fill(int length) {
    return Values.text(length);
  }

  @Override
  public int length(String text) {
    return text.length();
  }

  @Override
  public Map<String, String> attachments() {
    Map<String, String> seen = new HashMap<>();
    RpcContext.getContext()
        .getAttachments()
        .forEach(
            (key, value) -> {
              if (key.startsWith("x-")) {
                seen.put(key, value);
              }
            });
    seen.forEach(
        (key, value) ->
            RpcContext.getServerContext().setAttachment("y-" + key.substring(2), value));
    return seen;
  }

  @Override
  public void subscribe(String key, int times, Listener listener) {
    List<String> heard = Collections.synchronizedList(new ArrayList<>());
    answers.put(key, heard);
    Thread teller =
        new Thread(
            () -> {
              for (int number = 0; number < times; number++) {
                heard.add(listener.tell(key, number));
              }
            });
    teller.setDaemon(true);
    teller.start();
  }

  @Override
  public List<String> answers(String key) {
    return new ArrayList<>(answers.getOrDefault(key, List.of()));
  }
}
