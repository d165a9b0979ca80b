package interop;

import static interop.Expect.echo;
import static interop.Expect.equal;
import static interop.Expect.that;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Arguments and results of every kind. */
final class ValueCases {
  /** Hessian2 cuts strings here. */
  private static final int CHUNK = 32_768;

  private final Suite suite;
  private final int big;

  ValueCases(Session session) {
    suite = session.suite();
    big = session.option("mib", 5) << 20;
  }

  void addTo(Map<String, Expect.Action> cases) {
    cases.put("hello", () -> equal(suite.sayHello("漢字"), "Hello, 漢字!"));
    cases.put("primitives", this::primitives);
    cases.put("boxed", () -> echo(suite::echoInteger, 0, null, Integer.MIN_VALUE, 70_000));
    cases.put("strings", this::strings);
    cases.put("long-strings", this::longStrings);
    cases.put("bytes", this::bytes);
    cases.put("arrays", this::arrays);
    cases.put("grid", this::grid);
    cases.put("plain-pojo", this::plainPojo);
    cases.put("pojo", () -> echo(suite::echoOrder, Values.order(1)));
    cases.put("nested-pojo", () -> echo(suite::echoOrder, Values.orderWithPrevious(2)));
    cases.put("pojo-lists", this::pojoLists);
    cases.put("collections", this::collections);
    cases.put("shared-references", this::sharedReferences);
    cases.put("enums", () -> echo(suite::echoColour, Colour.RED, Colour.NIGHT));
    cases.put("dates", this::dates);
    cases.put("decimals", this::decimals);
    cases.put("big-numbers", this::bigNumbers);
    cases.put("java-time", this::javaTime);
    cases.put("objects", this::objects);
    cases.put("void", suite::ping);
    cases.put("null", () -> equal(suite.nothing("x"), null));
    cases.put("nulls", this::nulls);
    cases.put("several-arguments", this::severalArguments);
    cases.put("overloaded", () -> equal(suite.join("naïve", ""), "naïve+"));
    cases.put("big-request", () -> equal(suite.length(Values.text(big)), big));
    cases.put("big-answer", () -> equal(suite.fill(big), Values.text(big)));
    cases.put("big-both", () -> echo(suite::echoBytes, Values.bytes(big)));
  }

  private void primitives() throws Exception {
    echo(suite::echoBoolean, true, false);
    echo(suite::echoByte, Byte.MIN_VALUE, (byte) -1, (byte) 0, Byte.MAX_VALUE);
    echo(suite::echoShort, Short.MIN_VALUE, (short) -1, (short) 0, Short.MAX_VALUE);
    echo(suite::echoInt, Integer.MIN_VALUE, -2049, -17, -1, 0, 47, 48, 262_144, Integer.MAX_VALUE);
    echo(suite::echoLong, Long.MIN_VALUE, -9L, -1L, 0L, 15L, 16L, 1L << 31, Long.MAX_VALUE);
    echo(suite::echoFloat, 0f, 1.5f, Float.MIN_VALUE, -Float.MAX_VALUE);
    echo(suite::echoDouble, 0.0, 1.0, -128.0, 32_767.0, 0.001, 1.1, -Double.MAX_VALUE);
    echo(suite::echoDouble, Double.MIN_VALUE, Double.POSITIVE_INFINITY, Double.NaN);
    echo(suite::echoChar, 'a', '漢');
  }

  private void strings() throws Exception {
    echo(suite::echoString, "", "plain", "naïve", "漢字", "🦀𝔘", "a\0b\r\n");
    for (int length : new int[] {31, 32, 33, 47, 48, 255, 256, 1023, 1024}) {
      echo(suite::echoString, "x".repeat(length), "漢".repeat(length));
    }
  }

  private void longStrings() throws Exception {
    for (int length : new int[] {CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 70_000}) {
      echo(suite::echoString, "x".repeat(length), "é".repeat(length));
    }
    // A character of two units across the cut.
    echo(suite::echoString, "x".repeat(CHUNK - 1) + "🦀".repeat(CHUNK));
  }

  private void bytes() throws Exception {
    for (int length : new int[] {0, 1, 15, 16, 1023, 1024, 4095, 4096, 8190, 100_000}) {
      echo(suite::echoBytes, Values.bytes(length));
    }
  }

  private void arrays() throws Exception {
    echo(suite::echoInts, new int[] {}, new int[] {1, -1, 70_000, Integer.MIN_VALUE});
    echo(suite::echoStrings, new String[] {"", "🦀", "x".repeat(CHUNK + 1)});
  }

  private void grid() throws Exception {
    echo(suite::echoGrid, new double[][] {{}, {0.5, -1}, {Double.MAX_VALUE}});
  }

  private void plainPojo() throws Exception {
    Order order = Values.order(5);
    order.setMarks(null);
    echo(suite::echoOrder, order);
  }

  private void pojoLists() throws Exception {
    echo(suite::echoOrders, Values.list(), Values.list(Values.order(1), Values.order(2)));
    Map<String, List<Order>> byName = new LinkedHashMap<>();
    byName.put("", Values.list());
    byName.put("漢字", Values.list(Values.order(3), Values.orderWithPrevious(4)));
    echo(suite::echoOrdersByName, byName);
  }

  private void collections() throws Exception {
    echo(suite::echoSet, new HashSet<>(), new HashSet<>(Set.of(1, -1, 70_000)));
    Map<Long, Boolean> flags = new HashMap<>();
    flags.put(Long.MAX_VALUE, true);
    flags.put(0L, false);
    flags.put(-1L, null);
    echo(suite::echoFlags, new HashMap<>(), flags);
    Map<Long, Boolean> many = new HashMap<>();
    for (long i = 0; i < 3000; i++) {
      many.put(i, i % 3 == 0);
    }
    echo(suite::echoFlags, many);
  }

  /** One object several times, and an object that holds itself. */
  private void sharedReferences() throws Exception {
    Order order = Values.order(1);
    List<Order> got = suite.echoOrders(Values.list(order, order, Values.order(2), order));
    equal(got, List.of(order, order, Values.order(2), order));
    that(got.get(0) == got.get(1) && got.get(0) == got.get(3), "the reference became a copy");

    Order loop = new Order();
    loop.setCustomer("loop");
    loop.setPrevious(loop);
    Order gotLoop = suite.echoOrder(loop);
    equal(gotLoop.getCustomer(), "loop");
    that(gotLoop.getPrevious() == gotLoop, "the loop was cut");
  }

  private void dates() throws Exception {
    echo(suite::echoDate, new Date(0), new Date(-1), new Date(1_700_000_000_123L));
    echo(suite::echoDate, new Date(60_000L * 28_333_333));
  }

  private void decimals() throws Exception {
    echo(suite::echoDecimal, new BigDecimal("0.10"));
    echo(suite::echoDecimal, new BigDecimal("12345678901234567890123.4500"));
  }

  private void bigNumbers() throws Exception {
    echo(suite::echoDecimal, new BigDecimal("-1E+5"), new BigDecimal("1E-300"));
    echo(suite::echoBigInteger, BigInteger.ZERO, BigInteger.TWO.pow(200).negate());
  }

  private void javaTime() throws Exception {
    echo(suite::echoLocalDate, LocalDate.of(2024, 2, 29));
    echo(suite::echoLocalDateTime, LocalDateTime.of(1999, 12, 31, 23, 59, 59, 999_000_000));
    echo(suite::echoInstant, Instant.ofEpochSecond(-1, 5_000_000));
    echo(suite::echoDuration, Duration.ofMillis(-1500));
  }

  /** Values whose types only the bytes tell. */
  private void objects() throws Exception {
    Map<Object, Object> mixed = new HashMap<>();
    mixed.put("list", Values.list(1, 2L, 0.5, "x", true, null, Values.order(1)));
    mixed.put("map", new HashMap<>(Map.of("k", new Date(5))));
    mixed.put("empty", new HashMap<>());
    echo(suite::echoObject, mixed, "text", 5, 5L, Values.order(1), null);
  }

  private void nulls() throws Exception {
    String nothing = null;
    equal(suite.nothing(nothing), null);
    echo(suite::echoString, nothing);
    echo(suite::echoStrings, new String[] {"", null, "x"}, null);
    echo(suite::echoOrder, new Order(), null);
    echo(suite::echoOrders, Values.list(null, Values.order(1), null), null);
    echo(suite::echoColour, (Colour) null);
    echo(suite::echoDate, (Date) null);
    echo(suite::echoDecimal, (BigDecimal) null);
    echo(suite::echoBytes, (byte[]) null);
  }

  private void severalArguments() {
    equal(suite.join(-7, "naïve 🦀", Values.list(1L << 40, -5L, 3L)), "-7 naïve 🦀 " + ((1L << 40) - 2));
    equal(suite.join(0, "", Values.list()), "0  0");
  }
}
