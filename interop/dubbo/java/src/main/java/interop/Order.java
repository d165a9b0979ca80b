package interop;

import java.io.Serializable;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** An object with collections of objects. */
public class Order implements Serializable {
  private static final long serialVersionUID = 1;

  private long id;
  private String customer;
  private boolean paid;
  private Integer discount;
  private double weight;
  private Colour colour;
  private Date placed;
  private BigDecimal total;
  private byte[] seal;
  private List<Line> lines;
  private Map<String, List<Integer>> marks;
  private Order previous;

  public long getId() {
    return id;
  }

  public void setId(long id) {
    this.id = id;
  }

  public String getCustomer() {
    return customer;
  }

  public void setCustomer(String customer) {
    this.customer = customer;
  }

  public boolean isPaid() {
    return paid;
  }

  public void setPaid(boolean paid) {
    this.paid = paid;
  }

  public Integer getDiscount() {
    return discount;
  }

  public void setDiscount(Integer discount) {
    this.discount = discount;
  }

  public double getWeight() {
    return weight;
  }

  public void setWeight(double weight) {
    this.weight = weight;
  }

  public Colour getColour() {
    return colour;
  }

  public void setColour(Colour colour) {
    this.colour = colour;
  }

  public Date getPlaced() {
    return placed;
  }

  public void setPlaced(Date placed) {
    this.placed = placed;
  }

  public BigDecimal getTotal() {
    return total;
  }

  public void setTotal(BigDecimal total) {
    this.total = total;
  }

  public byte[] getSeal() {
    return seal;
  }

  public void setSeal(byte[] seal) {
    this.seal = seal;
  }

  public List<Line> getLines() {
    return lines;
  }

  public void setLines(List<Line> lines) {
    this.lines = lines;
  }

  public Map<String, List<Integer>> getMarks() {
    return marks;
  }

  public void setMarks(Map<String, List<Integer>> marks) {
    this.marks = marks;
  }

  public Order getPrevious() {
    return previous;
  }

  public void setPrevious(Order previous) {
    this.previous = previous;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Order order
        && id == order.id
        && Objects.equals(customer, order.customer)
        && paid == order.paid
        && Objects.equals(discount, order.discount)
        && weight == order.weight
        && colour == order.colour
        && Objects.equals(placed, order.placed)
        && Objects.equals(total, order.total)
        && Arrays.equals(seal, order.seal)
        && Objects.equals(lines, order.lines)
        && Objects.equals(marks, order.marks)
        && Objects.equals(previous, order.previous);
  }

  @Override
  public int hashCode() {
    return Objects.hash(id, customer);
  }

  @Override
  public String toString() {
    return String.format(
        "order %d of %s: %b %s %s %s %s %s %s %s %s after (%s)",
        id, customer, paid, discount, weight, colour, placed, total, Arrays.toString(seal), lines,
        marks, previous);
  }
}
