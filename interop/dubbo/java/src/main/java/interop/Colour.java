package interop;

public enum Colour {
  RED,
  GREEN,
  NIGHT
}
