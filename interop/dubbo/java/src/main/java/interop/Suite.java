package interop;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** The service that all providers have. An echo returns what it is given. */
public interface Suite {
  String sayHello(String name);

  boolean echoBoolean(boolean value);

  byte echoByte(byte value);

  short echoShort(short value);

  char echoChar(char value);

  int echoInt(int value);

  long echoLong(long value);

  float echoFloat(float value);

  double echoDouble(double value);

  Integer echoInteger(Integer value);

  String echoString(String value);

  byte[] echoBytes(byte[] value);

  int[] echoInts(int[] value);

  String[] echoStrings(String[] value);

  double[][] echoGrid(double[][] value);

  Order echoOrder(Order value);

  List<Order> echoOrders(List<Order> value);

  Map<String, List<Order>> echoOrdersByName(Map<String, List<Order>> value);

  Set<Integer> echoSet(Set<Integer> value);

  Map<Long, Boolean> echoFlags(Map<Long, Boolean> value);

  Colour echoColour(Colour value);

  Date echoDate(Date value);

  BigDecimal echoDecimal(BigDecimal value);

  BigInteger echoBigInteger(BigInteger value);

  LocalDate echoLocalDate(LocalDate value);

  LocalDateTime echoLocalDateTime(LocalDateTime value);

  Instant echoInstant(Instant value);

  Duration echoDuration(Duration value);

  Object echoObject(Object value);

  /** Returns its arguments with spaces between them, the last one as a sum. */
  String join(int a, String b, List<Long> c);

  /** Overloads {@link #join(int, String, List)}. */
  String join(String a, String b);

  void ping();

  /** Returns null. */
  String nothing(String value);

  /** Throws a Refused of this code. */
  void refuse(int code) throws Refused;

  /** Throws an IllegalStateException. */
  String fail(String message);

  /** Throws a Broken, which no method declares, with an IllegalArgumentException as its cause. */
  String breakDown(String message);

  /** Answers after so many milliseconds. */
  String slow(String text, int ms);

  /** The same, without holding a thread of the provider's. */
  CompletableFuture<String> later(String text, int ms);

  /** Completes with a Refused. */
  CompletableFuture<String> refuseLater(int code);

  /** Is called one-way, and counted. */
  void notify(String key);

  /** How often notify was called with this key. */
  int notified(String key);

  /** A string of so many characters. */
  String fill(int length);

  int length(String text);

  /** The attachments that begin with `x-`; the answer carries each under `y-` as well. */
  Map<String, String> attachments();

  /** Tells the listener so many times, once this has returned. */
  void subscribe(String key, int times, Listener listener);

  /** What the listener has answered. */
  List<String> answers(String key);
}
