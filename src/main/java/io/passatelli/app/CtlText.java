package io.passatelli.app;

import io.passatelli.control.api.CaptureAnswer;
import io.passatelli.control.api.DropsAnswer;
import io.passatelli.control.api.FlowsAnswer;
import io.passatelli.control.api.ForwardsAnswer;
import io.passatelli.control.api.StatusAnswer;
import io.passatelli.control.client.DropMeanings;

/** Answers of the control socket as people read them: lines, each with its end. */
final class CtlText {
    private CtlText() {}

    static String of(StatusAnswer status) {
        StatusAnswer.Memory memory = status.memory();
        return new Table("ll")
                .row("version", status.version())
                .row("process", status.pid() + ", up " + Human.duration(status.uptimeMs()))
                .row("guest", guest(status))
                .row("flows", flows(status.flows()))
                .row("listeners", Human.count(status.listeners()))
                .row("from guest", traffic(status.fromGuest()))
                .row("to guest", traffic(status.toGuest()))
                .row("bugs seen", Human.count(status.invariantViolations()))
                .row(
                        "memory",
                        "heap " + Human.bytes(memory.heapUsedBytes()) + " of " + Human.bytes(memory.heapMaxBytes())
                                + ", private " + Human.bytes(memory.privateDirtyBytes()))
                .toString();
    }

    private static String guest(StatusAnswer status) {
        StringBuilder guest = new StringBuilder(status.guestUp() ? "up" : "down");
        if (status.guestMac() != null) {
            guest.append(", ").append(status.guestMac());
        }
        status.guestAddresses().forEach(address -> guest.append(", ").append(address));
        return guest.toString();
    }

    private static String flows(StatusAnswer.FlowCounts flows) {
        StringBuilder all = new StringBuilder(Human.count(flows.all()));
        if (flows.tcp() != null) {
            all.append(": tcp ").append(Human.count(flows.tcp()));
            all.append(", udp ").append(Human.count(flows.udp()));
            all.append(", icmp ").append(Human.count(flows.icmp()));
        }
        return all.toString();
    }

    private static String traffic(StatusAnswer.Traffic traffic) {
        return Human.count(traffic.frames()) + " frames, " + Human.bytes(traffic.bytes());
    }

    static String of(FlowsAnswer answer) {
        Table table = new Table("llllllrrrrrrrr")
                .row(
                        "PROTOCOL",
                        "FROM",
                        "STATE",
                        "GUEST",
                        "FAR",
                        "HOST",
                        "AGE",
                        "IDLE",
                        "TO HOST",
                        "TO GUEST",
                        "RTT",
                        "IN FLIGHT",
                        "STASHED",
                        "RESENT");
        for (FlowsAnswer.Flow flow : answer.flows()) {
            table.row(
                    flow.protocol(),
                    flow.from(),
                    Human.text(flow.state()),
                    flow.guest(),
                    flow.far(),
                    Human.text(flow.host()),
                    Human.duration(flow.ageMs()),
                    Human.duration(flow.idleMs()),
                    Human.bytes(flow.bytesToHost()),
                    Human.bytes(flow.bytesToGuest()),
                    Human.micros(flow.rttUs()),
                    Human.bytes(flow.inFlight()),
                    Human.bytes(flow.stashed()),
                    Human.count(flow.retransmissions()));
        }
        int left = answer.total() - answer.flows().size();
        return (answer.flows().isEmpty() ? "" : table.toString())
                + (answer.total() == 0 ? "no flows\n" : left > 0 ? left + " more\n" : "");
    }

    static String of(DropsAnswer answer, DropMeanings meanings) {
        if (answer.drops().isEmpty()) {
            return "nothing was dropped; " + Human.count(answer.handled()) + " frames were handled\n";
        }
        Table table = new Table("lrl").row("REASON", "COUNT", "MEANING");
        for (DropsAnswer.Count drop : answer.drops()) {
            table.row(drop.reason(), Human.count(drop.count()), meanings.of(drop.reason()));
        }
        return table.toString();
    }

    static String of(ForwardsAnswer answer) {
        if (answer.forwards().isEmpty()) {
            return "no forwards\n";
        }
        Table table = new Table("lrl").row("RULE", "LISTENERS", "");
        for (ForwardsAnswer.Forward forward : answer.forwards()) {
            table.row(
                    forward.rule(),
                    forward.listeners() + " of " + forward.wanted(),
                    forward.refusal() == null ? "" : forward.refusal());
        }
        return table.toString();
    }

    /** What became of each rule that was asked for. */
    static String outcome(ForwardsAnswer answer) {
        if (answer.forwards().isEmpty()) {
            return "no forwards\n";
        }
        Table table = new Table("lll");
        for (ForwardsAnswer.Forward forward : answer.forwards()) {
            table.row(
                    forward.applied() ? "applied" : "refused",
                    forward.rule(),
                    forward.refusal() == null ? "" : forward.refusal());
        }
        return table.toString();
    }

    static boolean isApplied(ForwardsAnswer answer) {
        return answer.forwards().stream().allMatch(ForwardsAnswer.Forward::applied);
    }

    static String of(CaptureAnswer capture) {
        return StderrLog.printable((capture.running() ? "capturing to " : "captured to ") + capture.file() + ": "
                        + Human.count(capture.frames()) + " frames, " + Human.bytes(capture.bytes()))
                + "\n";
    }
}
