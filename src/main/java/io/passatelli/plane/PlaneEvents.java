package io.passatelli.plane;

/** Who wants to hear of the guest's coming and going. Called on the loop thread; must not block. */
public interface PlaneEvents {
    /** Nobody. */
    PlaneEvents NOBODY = new PlaneEvents() {};

    /** A guest's link is up. */
    default void onGuestUp() {}

    /** The guest's link went down, for {@code errno}, or 0 if the guest closed it. Another guest may come. */
    default void onGuestDown(int errno) {}
}
