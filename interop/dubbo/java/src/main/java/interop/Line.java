package interop;

import java.io.Serializable;
import java.math.BigDecimal;
import java.util.Objects;

public class Line implements Serializable {
  private static final long serialVersionUID = 1;

  private String article;
  private int count;
  private BigDecimal price;
  private Colour colour;

  public Line() {}

  public Line(String article, int count, BigDecimal price, Colour colour) {
    this.article = article;
    this.count = count;
    this.price = price;
    this.colour = colour;
  }

  public String getArticle() {
    return article;
  }

  public void setArticle(String article) {
    this.article = article;
  }

  public int getCount() {
    return count;
  }

  public void setCount(int count) {
    this.count = count;
  }

  public BigDecimal getPrice() {
    return price;
  }

  public void setPrice(BigDecimal price) {
    this.price = price;
  }

  public Colour getColour() {
    return colour;
  }

  public void setColour(Colour colour) {
    this.colour = colour;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Line line
        && Objects.equals(article, line.article)
        && count == line.count
        && Objects.equals(price, line.price)
        && colour == line.colour;
  }

  @Override
  public int hashCode() {
    return Objects.hash(article, count);
  }

  @Override
  public String toString() {
    return count + " " + article + " at " + price + " " + colour;
  }
}
