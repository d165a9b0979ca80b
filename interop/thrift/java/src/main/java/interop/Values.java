package interop;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.thrift.protocol.TType;
import suite.Colour;
import suite.Containers;
import suite.Deep;
import suite.Pair;

/** Values that are large in some way, or that the compiler does not know. */
final class Values {
  private Values() {}

  private static <T> List<T> many(Function<Integer, T> element) {
    return IntStream.range(0, 1000).boxed().map(element).toList();
  }

  private static <K, V> Map<K, V> manyEntries(Function<Integer, K> key, Function<Integer, V> value) {
    return IntStream.range(0, 1000).boxed().collect(Collectors.toMap(key, value));
  }

  static Containers manyElements() {
    return new Containers(
        many(i -> Map.of(Integer.toString(i), Set.of(i, i + 1))),
        many(i -> i % 3 == 0),
        manyEntries(i -> i - 500, i -> i % 2 == 0),
        Set.of(true),
        many(i -> Collections.nCopies(i % 20, i % 2 == 0)),
        Map.of("many", many(i -> new Pair(i % 2 == 0, true))),
        Set.copyOf(many(i -> Integer.toString(i))),
        Map.of(Colour.GREEN, "green"),
        many(i -> i / 8.0),
        manyEntries(i -> (long) i << 40, i -> Map.of(i.shortValue(), true)));
  }

  static Deep deepByField(int depth) {
    Deep deep = null;
    for (int i = 0; i < depth; i++) {
      deep = new Deep(i, List.of(i % 2 == 0), List.of()).setInner(deep);
    }
    return deep;
  }

  static Deep deepByList(int depth) {
    Deep deep = new Deep(0, List.of(), List.of());
    for (int i = 1; i < depth; i++) {
      deep = new Deep(i, List.of(), List.of(deep));
    }
    return deep;
  }

  private static Untyped.Field field(int id, byte type, Object value) {
    return new Untyped.Field(id, new Untyped.Value(type, value));
  }

  private static ByteBuffer text(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  static Untyped.Struct uuids() {
    UUID one = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
    UUID two = new UUID(0xff800100ff800100L, 0xff800100ff800100L);
    List<Untyped.Field> inner = List.of(field(1, TType.UUID, two), field(2, TType.BOOL, true));
    return new Untyped.Struct(
        List.of(
            field(1, TType.UUID, one),
            field(900, TType.STRUCT, new Untyped.Struct(inner)),
            field(901, TType.BOOL, false)));
  }

  /** Some next to each other, and some further away. */
  static Untyped.Struct manyFields() {
    List<Untyped.Field> fields = new ArrayList<>();
    for (int i = 0; i < 250; i++) {
      fields.add(field(30 * i + 1, TType.BOOL, i % 3 == 0));
      fields.add(field(30 * i + 2, TType.I32, i * i - 5000));
      fields.add(field(30 * i + 4, TType.STRING, text("x".repeat(i))));
      List<Object> flags = List.of(true, i % 2 == 0);
      fields.add(field(30 * i + 30, TType.LIST, new Untyped.Items(TType.BOOL, flags)));
    }
    return new Untyped.Struct(fields);
  }
}
