package io.passatelli.hook;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import io.passatelli.base.HookLimits;
import io.passatelli.config.Annotations;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;

import java.io.IOException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Reads a VMI's JSON once, from its beginning to its end, and keeps what is of use; {@link Nics} makes sense of it. */
final class VmiReader {
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(HookLimits.VMI_DEPTH)
                    .maxTokenCount(HookLimits.VMI_TOKENS)
                    .maxDocumentLength(HookLimits.VMI_BYTES)
                    .maxStringLength(HookLimits.VMI_BYTES)
                    .build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .build();
    private static final int PORT_MAX = 65_535;
    private static final int CPUS_MOST = 4_096;

    /** Reads the value of one member: {@code in} is at its first token, and is left at its last. */
    private interface Member {
        void read(String name) throws IOException, HookRefusal;
    }

    /** Reads one element, as {@link Member}. */
    private interface Element {
        void read() throws IOException, HookRefusal;
    }

    private final JsonParser in;
    private final Nics nics;
    private final Map<String, String> annotations = new LinkedHashMap<>();
    private String uid = "";
    private String namespace = "";
    private String name = "";
    private boolean istio;
    private String architecture = "";
    private boolean transitional;
    private boolean multiqueue;
    private int cores = 1;
    private int sockets = 1;
    private int threads = 1;
    private boolean hugepages;
    private boolean confidential;
    private boolean tdx;
    private int graceSeconds = Vmi.GRACE_SECONDS;
    private boolean migrationState;
    private boolean migrationOver;
    private String launcherImage = "";

    VmiReader(byte[] json, String binding) throws HookRefusal {
        if (json.length > HookLimits.VMI_BYTES) {
            throw new HookRefusal("the VMI has " + json.length + " bytes of JSON, more than " + HookLimits.VMI_BYTES);
        }
        nics = new Nics(binding);
        try {
            in = FACTORY.createParser(json);
        } catch (IOException e) {
            throw new HookRefusal("the VMI is no JSON: " + e.getMessage());
        }
    }

    Vmi read() throws HookRefusal {
        try (in) {
            if (in.nextToken() == null) {
                throw new HookRefusal("the VMI is empty");
            }
            object(this::vmi);
            if (in.nextToken() != null) {
                throw new HookRefusal("something follows the VMI's JSON");
            }
        } catch (JsonProcessingException e) {
            JsonLocation at = in.currentLocation();
            throw new HookRefusal("the VMI is no good JSON, line " + at.getLineNr() + ", column " + at.getColumnNr()
                    + ": " + e.getOriginalMessage());
        } catch (IOException e) {
            throw new HookRefusal("the VMI is no good JSON: " + e.getMessage());
        }
        List<String> warnings = new ArrayList<>();
        Vmi.Nic nic = nics.ours(warnings);
        int cpus = (int) Math.min(CPUS_MOST, (long) cores * sockets * threads);
        Vmi.Machine machine = new Vmi.Machine(
                architecture, transitional, multiqueue, cpus, hugepages, confidential, confidential && !tdx);
        return new Vmi(
                uid,
                namespace,
                name,
                annotations,
                nic,
                istio,
                nics.names(),
                machine,
                migrationState && !migrationOver,
                launcherImage,
                graceSeconds,
                warnings);
    }

    private void vmi(String member) throws IOException, HookRefusal {
        switch (member) {
            case "metadata" -> object(this::metadata);
            case "spec" -> object(this::spec);
            case "status" -> object(this::status);
            default -> in.skipChildren();
        }
    }

    private void metadata(String member) throws IOException, HookRefusal {
        switch (member) {
            case "uid" -> uid = text(HookLimits.VMI_UID_CHARS);
            case "namespace" -> namespace = text(HookLimits.VMI_NAMESPACE_CHARS);
            case "name" -> name = text(HookLimits.VMI_NAME_CHARS);
            case "labels" -> object(this::label);
            case "annotations" -> object(this::annotation);
            default -> in.skipChildren();
        }
    }

    private void label(String key) throws IOException, HookRefusal {
        if (key.equals(Annotations.ISTIO_INJECT)) {
            istio |= text().equalsIgnoreCase("true");
        } else {
            in.skipChildren();
        }
    }

    private void annotation(String key) throws IOException, HookRefusal {
        if (key.startsWith(Annotations.PREFIX)) {
            annotations.put(key, text());
            atMost(HookLimits.VMI_ANNOTATIONS, annotations.size(), "annotations that begin with " + Annotations.PREFIX);
        } else {
            label(key);
        }
    }

    private void spec(String member) throws IOException, HookRefusal {
        switch (member) {
            case "architecture" -> architecture = text();
            case "networks" -> array(this::network);
            case "domain" -> object(this::domain);
            case "terminationGracePeriodSeconds" -> graceSeconds = grace();
            default -> in.skipChildren();
        }
    }

    private void network() throws IOException, HookRefusal {
        Nics.Network network = new Nics.Network();
        object(member -> {
            switch (member) {
                case "name" -> network.name = text();
                case "pod" -> network.primary |= present();
                case "multus" -> object(its -> network.primary |= its.equals("default") ? flag() : skip());
                default -> in.skipChildren();
            }
        });
        nics.networks.add(network);
        atMost(HookLimits.VMI_INTERFACES, nics.networks.size(), "networks");
    }

    private void domain(String member) throws IOException, HookRefusal {
        switch (member) {
            case "cpu" -> object(this::cpu);
            case "memory" -> object(its -> hugepages |= its.equals("hugepages") ? present() : skip());
            case "launchSecurity" -> {
                confidential = in.currentToken() != JsonToken.VALUE_NULL;
                object(its -> tdx |= its.equals("tdx") ? present() : skip());
            }
            case "devices" -> object(this::devices);
            default -> in.skipChildren();
        }
    }

    private void cpu(String member) throws IOException, HookRefusal {
        switch (member) {
            case "cores" -> cores = Math.max(1, number(CPUS_MOST));
            case "sockets" -> sockets = Math.max(1, number(CPUS_MOST));
            case "threads" -> threads = Math.max(1, number(CPUS_MOST));
            default -> in.skipChildren();
        }
    }

    private void devices(String member) throws IOException, HookRefusal {
        switch (member) {
            case "interfaces" -> array(this::nic);
            case "networkInterfaceMultiqueue" -> multiqueue = flag();
            case "useVirtioTransitional" -> transitional = flag();
            default -> in.skipChildren();
        }
    }

    private void nic() throws IOException, HookRefusal {
        Nics.Interface nic = new Nics.Interface();
        object(member -> {
            switch (member) {
                case "name" -> nic.name = text();
                case "binding" -> {
                    nic.binding = in.currentToken() == JsonToken.VALUE_NULL ? null : "";
                    object(its -> {
                        if (its.equals("name")) {
                            nic.binding = text();
                        } else {
                            in.skipChildren();
                        }
                    });
                }
                case "model" -> nic.model = text();
                case "macAddress" -> nic.mac = text();
                case "pciAddress" -> nic.pciAddress = text();
                case "state" -> nic.state = text();
                case "acpiIndex" -> nic.acpiIndex = number(Integer.MAX_VALUE);
                case "bootOrder" -> nic.bootOrder = number(Integer.MAX_VALUE);
                case "ports" -> array(() -> port(nic.ports));
                default -> in.skipChildren();
            }
        });
        nics.interfaces.add(nic);
        atMost(HookLimits.VMI_INTERFACES, nics.interfaces.size(), "interfaces");
    }

    private void port(List<PortForward> ports) throws IOException, HookRefusal {
        var its = new Object() {
            int port;
            Protocol protocol = Protocol.TCP;
        };
        object(member -> {
            switch (member) {
                case "port" -> its.port = number(PORT_MAX);
                case "protocol" -> its.protocol = protocol();
                default -> in.skipChildren();
            }
        });
        if (its.port == 0) {
            throw wrong("a port from 1 to " + PORT_MAX + " is wanted");
        }
        ports.add(new PortForward(its.protocol, null, null, its.port, its.port, its.port));
        atMost(HookLimits.VMI_PORTS, ports.size(), "ports");
    }

    private Protocol protocol() throws IOException, HookRefusal {
        String text = text();
        return switch (text.toUpperCase(Locale.ROOT)) {
            case "", "TCP" -> Protocol.TCP;
            case "UDP" -> Protocol.UDP;
            default -> throw wrong("'" + HookRefusal.shown(text) + "' is neither TCP nor UDP");
        };
    }

    private void status(String member) throws IOException, HookRefusal {
        switch (member) {
            case "interfaces" -> array(this::statusOfInterface);
            case "launcherContainerImageVersion" -> launcherImage = image();
            case "migrationState" -> {
                migrationState = in.currentToken() != JsonToken.VALUE_NULL;
                object(its -> migrationOver |= its.equals("completed") || its.equals("failed") ? flag() : skip());
            }
            default -> in.skipChildren();
        }
    }

    private void statusOfInterface() throws IOException, HookRefusal {
        var its = new Object() {
            String name = "";
            String podInterface = "";
            final List<String> addresses = new ArrayList<>();
        };
        object(member -> {
            switch (member) {
                case "name" -> its.name = text();
                case "podInterfaceName" -> its.podInterface = text();
                case "ipAddresses" -> array(() -> address(its.addresses));
                default -> in.skipChildren();
            }
        });
        // the guest's agent adds what the guest has, without a name: a guest full of containers has thousands
        if (!its.name.isEmpty() && nics.podInterfaces.size() < HookLimits.VMI_INTERFACES) {
            nics.podInterfaces.put(its.name, its.podInterface);
            nics.addresses.put(its.name, its.addresses);
        }
    }

    private void address(List<String> addresses) throws IOException, HookRefusal {
        String text = text();
        if (addresses.size() < HookLimits.VMI_ADDRESSES) {
            addresses.add(text);
        }
    }

    // values

    private void object(Member member) throws IOException, HookRefusal {
        if (in.currentToken() == JsonToken.VALUE_NULL) {
            return;
        }
        if (in.currentToken() != JsonToken.START_OBJECT) {
            throw wrong("an object is wanted");
        }
        while (in.nextToken() == JsonToken.FIELD_NAME) {
            String its = in.currentName();
            in.nextToken();
            member.read(its);
        }
    }

    private void array(Element element) throws IOException, HookRefusal {
        if (in.currentToken() == JsonToken.VALUE_NULL) {
            return;
        }
        if (in.currentToken() != JsonToken.START_ARRAY) {
            throw wrong("an array is wanted");
        }
        while (in.nextToken() != JsonToken.END_ARRAY) {
            element.read();
        }
    }

    private String text() throws IOException, HookRefusal {
        return switch (in.currentToken()) {
            case VALUE_STRING -> in.getText();
            case VALUE_NULL -> "";
            default -> throw wrong("a string is wanted");
        };
    }

    private String text(int mostChars) throws IOException, HookRefusal {
        String text = text();
        if (text.length() > mostChars) {
            throw wrong(text.length() + " characters are more than " + mostChars);
        }
        return text;
    }

    /** One that is too long says nothing. */
    private String image() throws IOException, HookRefusal {
        String image = text();
        return image.length() <= HookLimits.IMAGE_CHARS ? image : "";
    }

    private boolean flag() throws HookRefusal {
        return switch (in.currentToken()) {
            case VALUE_TRUE -> true;
            case VALUE_FALSE, VALUE_NULL -> false;
            default -> throw wrong("true or false is wanted");
        };
    }

    private int number(int most) throws IOException, HookRefusal {
        if (in.currentToken() == JsonToken.VALUE_NULL) {
            return 0;
        }
        boolean isShort = in.currentToken() == JsonToken.VALUE_NUMBER_INT
                && in.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
        long number = isShort ? in.getLongValue() : -1;
        if (number < 0 || number > most) {
            throw wrong("a whole number from 0 to " + most + " is wanted");
        }
        return (int) number;
    }

    /** null says nothing, and longer than we can count is for ever. */
    private int grace() throws IOException, HookRefusal {
        JsonToken token = in.currentToken();
        if (token == JsonToken.VALUE_NULL) {
            return graceSeconds;
        }
        boolean isLong = token == JsonToken.VALUE_NUMBER_INT
                && in.getBigIntegerValue().compareTo(BigInteger.valueOf(Integer.MAX_VALUE)) > 0;
        return isLong ? Integer.MAX_VALUE : number(Integer.MAX_VALUE);
    }

    /** Whether the value, whatever it is, is there. */
    private boolean present() throws IOException {
        boolean present = in.currentToken() != JsonToken.VALUE_NULL;
        in.skipChildren();
        return present;
    }

    private boolean skip() throws IOException {
        in.skipChildren();
        return false;
    }

    private void atMost(int most, int count, String what) throws HookRefusal {
        if (count > most) {
            throw new HookRefusal("the VMI has more than " + most + " " + what);
        }
    }

    private HookRefusal wrong(String why) {
        return new HookRefusal("the VMI is wrong at "
                + HookRefusal.shown(in.getParsingContext().pathAsPointer().toString()) + ": " + why);
    }
}
