package io.passatelli.os;

/** Constants of epoll_ctl(2), from sys/epoll.h. */
public final class Epoll {
    public static final int ADD = 1;
    public static final int DEL = 2;
    public static final int MOD = 3;

    public static final int IN = 0x1;
    /** Urgent data of TCP. */
    public static final int PRI = 0x2;

    public static final int OUT = 0x4;
    public static final int ERR = 0x8;
    public static final int HUP = 0x10;
    public static final int RDHUP = 0x2000;
    public static final int ET = 1 << 31;

    private Epoll() {}
}
