package io.passatelli.app;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * QEMU's arguments with another network: what they say of networks and network cards is taken out, and one card on a connected socket is put in, at
 * a place where no other device is. A pure function.
 *
 * <p>QEMU gives a device without a place the first free one, in the order of the command line; ours comes last and takes its place from the top,
 * where the automatic ones do not get to.
 */
final class QemuArguments {
    private static final String ID = "passatelli0";

    /** PCI slots, from 0 to 31: 0 is the bridge to the host and 31 what the machine itself has there. */
    private static final int HIGHEST_SLOT = 30;

    /** s390's channel devices have numbers of 16 bits. */
    private static final int DEVICE_NUMBERS = 1 << 16;

    private static final String SUBCHANNEL = "fe.0.";

    private static final Set<String> NETWORK_OPTIONS = Set.of("net", "netdev", "nic");

    /** Devices that are network cards, whatever they are connected to; those of others have {@code netdev=}. */
    private static final Pattern CARD = Pattern.compile(
            "(virtio-net|e1000|rtl8139|ne2k|pcnet|i8255|i82801|vmxnet|tulip|sungem|usb-net|usb-rndis|igb|spapr-vlan|xen-net).*");

    private static final Pattern NETDEV = Pattern.compile("(^|,)netdev=");
    private static final Pattern PCI_PLACE = Pattern.compile("(?:^|,)addr=(?:0x)?([0-9a-fA-F]+)(?:\\.|,|$)");
    private static final Pattern BUS = Pattern.compile("(?:^|,)bus=([^,]+)");
    private static final Pattern DEVNO = Pattern.compile("(?:^|,)devno=fe\\.0\\.([0-9a-fA-F]+)");

    private enum Machine {
        /** Intel's Q35: PCI Express. */
        Q35("pcie.0"),
        /** Intel's 440FX, QEMU's first choice on x86. */
        PC("pci.0"),
        S390(""),
        /** Where QEMU chooses the place. */
        OTHER("");

        private final String bus;

        Machine(String bus) {
            this.bus = bus;
        }
    }

    private final String program;
    private final List<String> kept = new ArrayList<>();
    private final List<String> devices = new ArrayList<>();
    private String machine = "";

    private QemuArguments(String program) {
        this.program = program;
    }

    /** The words after {@code program}, without its name and with a card whose frames pass the socket {@code fd}. */
    static List<String> onSocket(String program, List<String> words, int fd) {
        QemuArguments arguments = new QemuArguments(program);
        arguments.read(words);
        List<String> result = new ArrayList<>(arguments.kept);
        result.addAll(List.of("-netdev", "socket,fd=" + fd + ",id=" + ID));
        result.addAll(List.of("-device", arguments.card()));
        return result;
    }

    private void read(List<String> words) {
        for (int i = 0; i < words.size(); i++) {
            String word = words.get(i);
            String option = option(word);
            boolean hasValue = i + 1 < words.size();
            if (hasValue && NETWORK_OPTIONS.contains(option)
                    || hasValue && option.equals("device") && isCard(words.get(i + 1))) {
                i++;
                continue;
            }
            if (hasValue && (option.equals("machine") || option.equals("M"))) {
                machine = words.get(i + 1);
            }
            if (hasValue && option.equals("device")) {
                devices.add(words.get(i + 1));
            }
            kept.add(word);
            if (hasValue && (option.equals("device") || option.equals("machine") || option.equals("M"))) {
                i++;
                kept.add(words.get(i));
            }
        }
    }

    /** QEMU takes one dash or two. */
    private static String option(String word) {
        return word.startsWith("--") ? word.substring(2) : word.startsWith("-") ? word.substring(1) : "";
    }

    private static boolean isCard(String device) {
        return CARD.matcher(device).matches() || NETDEV.matcher(device).find();
    }

    private String card() {
        Machine kind = kind();
        return switch (kind) {
            case Q35, PC ->
                "virtio-net-pci,netdev=" + ID + ",bus=" + kind.bus + ",addr=0x"
                        + Integer.toHexString(freeSlot(kind.bus));
            case S390 -> "virtio-net-ccw,netdev=" + ID + ",devno=" + SUBCHANNEL + "%04x".formatted(freeNumber());
            case OTHER -> "virtio-net-pci,netdev=" + ID;
        };
    }

    private Machine kind() {
        String name =
                machine.replaceFirst("(^|.*,)type=", "").replaceFirst(",.*", "").toLowerCase(Locale.ROOT);
        if (name.equals("q35") || name.startsWith("pc-q35")) {
            return Machine.Q35;
        }
        if (name.startsWith("s390") || name.isEmpty() && program.endsWith("s390x")) {
            return Machine.S390;
        }
        boolean isX86 = !program.contains("qemu-system-") || program.endsWith("-x86_64") || program.endsWith("-i386");
        return name.equals("pc") || name.startsWith("pc-i440fx") || name.isEmpty() && isX86
                ? Machine.PC
                : Machine.OTHER;
    }

    private int freeSlot(String bus) {
        Set<Integer> taken = new HashSet<>();
        for (String device : devices) {
            Matcher place = PCI_PLACE.matcher(device);
            Matcher on = BUS.matcher(device);
            if (place.find() && (!on.find() || on.group(1).equals(bus))) {
                taken.add(Integer.parseInt(place.group(1), 16));
            }
        }
        for (int slot = HIGHEST_SLOT; slot > 0; slot--) {
            if (!taken.contains(slot)) {
                return slot;
            }
        }
        throw new IllegalArgumentException("no place is left on the bus " + bus + " for a network card");
    }

    private int freeNumber() {
        Set<Integer> taken = new HashSet<>();
        for (String device : devices) {
            Matcher number = DEVNO.matcher(device);
            if (number.find()) {
                taken.add(Integer.parseInt(number.group(1), 16));
            }
        }
        for (int number = DEVICE_NUMBERS - 1; number >= 0; number--) {
            if (!taken.contains(number)) {
                return number;
            }
        }
        throw new IllegalArgumentException("no number is left for a network card");
    }
}
