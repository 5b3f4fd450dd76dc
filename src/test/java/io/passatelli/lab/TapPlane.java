package io.passatelli.lab;

import io.passatelli.base.Clock;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.link.TapLink;
import io.passatelli.os.LinuxOs;
import io.passatelli.plane.DataPlane;
import io.passatelli.plane.PlaneEvents;
import io.passatelli.plane.PlaneHandle;
import io.passatelli.plane.PlaneStats;
import io.passatelli.plane.Surroundings;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A plane over a TAP in another namespace, as a program: {@code namespace=PATH} of the guest, {@code tap}, {@code address}, {@code gateway},
 * {@code mtu}, {@code resolvers}, {@code search}, {@code hostname}, {@code outbound}, {@code interface}, {@code icmp}. Says {@code ready}, answers
 * {@code stats} lines, and ends with its input.
 */
public final class TapPlane {
    private TapPlane() {}

    public static void main(String[] arguments) throws IOException {
        Map<String, String> given = new TreeMap<>(Map.of(
                "tap", "tap0", "address", Lab.POD + "/24", "gateway", Lab.GATEWAY, "mtu", "65520", "icmp", "true"));
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            given.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
        LinuxOs os = new LinuxOs();
        String tap = word(given, "tap");
        int fd = os.within(word(given, "namespace"), () -> os.openTap(tap));
        if (fd < 0) {
            throw new IOException("cannot open the TAP '" + tap + "': errno " + -fd);
        }
        Log log = new Log(Log.Level.DEBUG, (level, line) -> System.err.println(level + " " + line));
        Surroundings around = new Surroundings(os, Clock.system(), log, new SecureRandom()::nextLong);
        try (DataPlane plane = new DataPlane(
                config(given), around, (its, counters, lines) -> new TapLink(its, fd, counters), PlaneEvents.NOBODY)) {
            Thread.ofPlatform().daemon().start(() -> converse(plane.handle()));
            plane.run();
        }
    }

    private static void converse(PlaneHandle plane) {
        try (BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            plane.stats().join(); // the loop turns
            System.out.println("ready");
            while ("stats".equals(questions.readLine())) {
                System.out.println(text(plane.stats().join()));
            }
        } catch (IOException e) {
            System.err.println(e);
        } finally {
            plane.stop();
        }
    }

    private static String text(PlaneStats stats) {
        StringJoiner line = new StringJoiner(" ");
        line.add("flows=" + stats.flows());
        line.add("invariantViolations=" + stats.invariantViolations());
        line.add("staleEvents=" + stats.staleEvents());
        line.add("framesFromGuest=" + stats.traffic().framesFromGuest());
        line.add("framesToGuest=" + stats.traffic().framesToGuest());
        for (Drop reason : Drop.values()) {
            long count = stats.drops().getOrDefault(reason, 0L);
            if (count > 0) {
                line.add(reason + "=" + count);
            }
        }
        return line.toString();
    }

    private static PlaneConfig config(Map<String, String> given) {
        String[] address = word(given, "address").split("/", 2);
        Ip gateway = Ip.parse(word(given, "gateway"));
        GuestNetwork guest = new GuestNetwork(
                new Cidr(Ip.parse(address[0]), Integer.parseInt(address[1])),
                false,
                gateway,
                Integer.parseInt(word(given, "mtu")),
                words(given, "resolvers").map(Ip::parse).toList(),
                words(given, "search").toList(),
                given.get("hostname"),
                given.get("fqdn"),
                GuestNetwork.DEFAULT_MAC);
        String outbound = given.get("outbound");
        return new PlaneConfig(
                guest,
                gateway,
                outbound == null ? null : Ip.parse(outbound),
                given.get("interface"),
                true,
                Boolean.parseBoolean(word(given, "icmp")));
    }

    private static String word(Map<String, String> given, String name) {
        String value = given.get(name);
        if (value == null) {
            throw new IllegalArgumentException("no " + name + " given");
        }
        return value;
    }

    private static Stream<String> words(Map<String, String> given, String name) {
        String value = given.get(name);
        return value == null ? Stream.empty() : List.of(value.split(",", -1)).stream();
    }
}
