package io.passatelli.hook;

import java.nio.charset.StandardCharsets;

/** A VMI's JSON, small: a pod network with one interface of ours, unless a test says otherwise. */
final class VmiJson {
    private String metadata =
            "\"name\":\"web\",\"namespace\":\"tenant-a\",\"uid\":\"bf2f058f-c65e-46f1-b433-65c8452e0fd7\"";
    private String annotations = "";
    private String spec = "\"architecture\":\"amd64\"";
    private String domain = "";
    private String devices = "";
    private String networks = "{\"name\":\"default\",\"pod\":{}}";
    private String interfaces = nic("");
    private String status = "\"interfaces\":[{\"name\":\"default\",\"podInterfaceName\":\"eth0\"}]";

    /** Our interface with further members, such as {@code "model":"e1000"}. */
    static VmiJson withNic(String members) {
        return new VmiJson().interfaces(nic(members));
    }

    private static String nic(String members) {
        return "{\"name\":\"default\",\"binding\":{\"name\":\"passatelli\"}" + (members.isEmpty() ? "" : ",") + members
                + "}";
    }

    VmiJson annotations(String members) {
        annotations = members;
        return this;
    }

    VmiJson metadata(String members) {
        metadata = members;
        return this;
    }

    VmiJson architecture(String name) {
        spec = "\"architecture\":\"" + name + "\"";
        return this;
    }

    /** Members of {@code spec.domain} but for its devices. */
    VmiJson domain(String members) {
        domain = members;
        return this;
    }

    /** Members of {@code spec.domain.devices} but for its interfaces. */
    VmiJson devices(String members) {
        devices = members;
        return this;
    }

    VmiJson networks(String elements) {
        networks = elements;
        return this;
    }

    VmiJson interfaces(String elements) {
        interfaces = elements;
        return this;
    }

    VmiJson status(String members) {
        status = members;
        return this;
    }

    byte[] bytes() {
        return toString().getBytes(StandardCharsets.UTF_8);
    }

    Vmi parsed() throws HookRefusal {
        return Vmi.parse(bytes(), "passatelli");
    }

    @Override
    public String toString() {
        return "{\"kind\":\"VirtualMachineInstance\",\"metadata\":{" + metadata + ",\"annotations\":{" + annotations
                + "}},\"spec\":{" + spec + ",\"domain\":{" + domain + (domain.isEmpty() ? "" : ",") + "\"devices\":{"
                + devices + (devices.isEmpty() ? "" : ",") + "\"interfaces\":[" + interfaces + "]}},\"networks\":["
                + networks + "]},\"status\":{" + status + "}}";
    }
}
