package interop;

import java.util.Arrays;

/** Checks. */
final class Expect {
  private Expect() {}

  interface Call<T> {
    T call(T value) throws Exception;
  }

  interface Action {
    void run() throws Exception;
  }

  static void equal(Object got, Object want) {
    if (!Arrays.deepEquals(new Object[] {got}, new Object[] {want})) {
      String gotText = Arrays.deepToString(new Object[] {got});
      String wantText = Arrays.deepToString(new Object[] {want});
      throw new AssertionError(String.format("got %.300s, want %.300s", gotText, wantText));
    }
  }

  static void that(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  @SafeVarargs
  static <T> void echo(Call<T> call, T... values) throws Exception {
    for (T value : values) {
      equal(call.call(value), value);
    }
  }

  static <E extends Throwable> E thrown(Class<E> type, Action action) {
    try {
      action.run();
    } catch (Throwable e) {
      if (type.isInstance(e)) {
        return type.cast(e);
      }
      throw new AssertionError("got " + e + ", want " + type.getSimpleName(), e);
    }
    throw new AssertionError("got an answer, want " + type.getSimpleName());
  }

  /** Waits for something that comes soon. */
  static void soon(Call<Boolean> condition, String what) throws Exception {
    long deadline = System.nanoTime() + 5_000_000_000L;
    while (!condition.call(true)) {
      that(System.nanoTime() < deadline, what + " did not come");
      Thread.sleep(10);
    }
  }
}
