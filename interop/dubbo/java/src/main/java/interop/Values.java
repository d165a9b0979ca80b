package interop;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The values that consumers send and expect back. */
final class Values {
  static final String TEXT = "naïve 漢字 🦀 ";

  private Values() {}

  static Order order(int id) {
    Order order = new Order();
    order.setId(id * 1_000_000_007L);
    order.setCustomer("Zoë " + id);
    order.setPaid(id % 2 == 1);
    order.setDiscount(id);
    order.setWeight(id + 0.25);
    order.setColour(Colour.values()[Math.floorMod(id, 3)]);
    order.setPlaced(new Date(1_700_000_000_123L + id));
    order.setTotal(new BigDecimal("-12345678901234567890.0123400"));
    order.setSeal(bytes(300));
    order.setLines(
        list(
            new Line("漢字", 1, new BigDecimal("0.10"), Colour.NIGHT),
            new Line("", Integer.MIN_VALUE, new BigDecimal("1"), Colour.RED)));
    Map<String, List<Integer>> marks = new LinkedHashMap<>();
    marks.put("none", list());
    marks.put("some", list(1, -1, 70_000));
    order.setMarks(marks);
    return order;
  }

  static Order orderWithPrevious(int id) {
    Order order = order(id);
    order.setPrevious(order(id + 1));
    order.getPrevious().setPrevious(order(id + 2));
    return order;
  }

  @SafeVarargs
  static <T> List<T> list(T... items) {
    return new ArrayList<>(Arrays.asList(items));
  }

  static byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) i;
    }
    return bytes;
  }

  static String text(int length) {
    return TEXT.repeat(length / TEXT.length() + 1).substring(0, length);
  }
}
