package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Threads that call and check the answers until told to end. */
final class Load {
  private final List<Thread> threads = new ArrayList<>();
  private final AtomicInteger answered = new AtomicInteger();
  private final AtomicInteger failed = new AtomicInteger();
  private final AtomicInteger answeredSinceFailure = new AtomicInteger();
  private final AtomicLong longestMs = new AtomicLong();
  private final Map<String, Integer> errors = new ConcurrentHashMap<>();
  private volatile boolean ending;

  Load(Suite suite, int count) {
    for (int number = 0; number < count; number++) {
      int own = number;
      Thread thread = new Thread(() -> call(suite, own));
      thread.start();
      threads.add(thread);
    }
  }

  private void call(Suite suite, int number) {
    for (int i = 0; !ending; i++) {
      String text = number + "/" + i;
      long started = System.nanoTime();
      try {
        String got = suite.slow(text, 5);
        if (text.equals(got)) {
          answered.incrementAndGet();
          answeredSinceFailure.incrementAndGet();
        } else {
          failure("the answer " + got + " to " + text);
        }
      } catch (RuntimeException e) {
        failure(firstLine(e));
        pause();
      }
      longestMs.accumulateAndGet((System.nanoTime() - started) / 1_000_000, Math::max);
    }
  }

  private void failure(String message) {
    failed.incrementAndGet();
    answeredSinceFailure.set(0);
    if (errors.size() < 20) {
      errors.merge(message, 1, Integer::sum);
    }
  }

  private static String firstLine(Throwable e) {
    String text = String.valueOf(e.getMessage());
    return text.substring(0, Math.min(300, text.length())).lines().findFirst().orElse("");
  }

  private static void pause() {
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  Object end() throws InterruptedException {
    ending = true;
    for (Thread thread : threads) {
      thread.join();
    }
    return String.format(
        "%d %d %d %d %s",
        answered.get(), failed.get(), answeredSinceFailure.get(), longestMs.get(), errors);
  }
}
