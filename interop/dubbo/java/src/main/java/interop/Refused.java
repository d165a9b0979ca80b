package interop;

import java.util.ArrayList;
import java.util.List;

/** The exception that methods declare. */
public class Refused extends Exception {
  private static final long serialVersionUID = 1;

  private int code;
  private List<String> hints;

  public Refused() {}

  public Refused(String message) {
    super(message);
  }

  public Refused(int code) {
    super("refused: " + code);
    this.code = code;
    this.hints = new ArrayList<>(List.of("naïve", "漢字"));
  }

  public int getCode() {
    return code;
  }

  public void setCode(int code) {
    this.code = code;
  }

  public List<String> getHints() {
    return hints;
  }

  public void setHints(List<String> hints) {
    this.hints = hints;
  }
}
