package io.passatelli.hook;

import com.fasterxml.jackson.core.JsonGenerator;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.Annotations;
import io.passatelli.config.PortForward;

import java.io.IOException;
import java.util.Map;

/** Writes a VMI, as far as {@link Vmi} has it, as JSON that {@link VmiReader} reads again: nothing else of a VMI, which may hold secrets, is kept. */
final class VmiWriter {
    private final Vmi vmi;
    private final String binding;
    private final JsonGenerator out;

    /** {@code binding}: the name of ours. */
    VmiWriter(Vmi vmi, String binding, JsonGenerator out) {
        this.vmi = vmi;
        this.binding = binding;
        this.out = out;
    }

    void write() throws IOException {
        out.writeStartObject();
        out.writeObjectFieldStart("metadata");
        out.writeStringField("uid", vmi.uid());
        out.writeStringField("namespace", vmi.namespace());
        out.writeStringField("name", vmi.name());
        out.writeObjectFieldStart("annotations");
        for (Map.Entry<String, String> annotation : vmi.annotations().entrySet()) {
            out.writeStringField(annotation.getKey(), annotation.getValue());
        }
        if (vmi.istio()) {
            out.writeStringField(Annotations.ISTIO_INJECT, "true");
        }
        out.writeEndObject();
        out.writeEndObject();
        spec();
        status();
        out.writeEndObject();
    }

    private void spec() throws IOException {
        Vmi.Machine machine = vmi.machine();
        out.writeObjectFieldStart("spec");
        out.writeStringField("architecture", machine.architecture());
        out.writeNumberField("terminationGracePeriodSeconds", vmi.graceSeconds());
        out.writeArrayFieldStart("networks");
        out.writeStartObject();
        out.writeStringField("name", vmi.nic().name());
        empty("pod");
        out.writeEndObject();
        out.writeEndArray();
        out.writeObjectFieldStart("domain");
        out.writeObjectFieldStart("cpu");
        out.writeNumberField("cores", machine.cpus());
        out.writeEndObject();
        if (machine.hugepages()) {
            out.writeObjectFieldStart("memory");
            empty("hugepages");
            out.writeEndObject();
        }
        if (machine.confidential()) {
            out.writeObjectFieldStart("launchSecurity");
            empty(machine.iommu() ? "sev" : "tdx");
            out.writeEndObject();
        }
        out.writeObjectFieldStart("devices");
        out.writeBooleanField("networkInterfaceMultiqueue", machine.multiqueue());
        out.writeBooleanField("useVirtioTransitional", machine.transitional());
        out.writeArrayFieldStart("interfaces");
        for (String name : vmi.interfaces()) {
            nic(name);
        }
        out.writeEndArray();
        out.writeEndObject();
        out.writeEndObject();
        out.writeEndObject();
    }

    /** Of others than ours the name is all that is known. */
    private void nic(String name) throws IOException {
        out.writeStartObject();
        out.writeStringField("name", name);
        if (name.equals(vmi.nic().name())) {
            ours(vmi.nic());
        }
        out.writeEndObject();
    }

    private void ours(Vmi.Nic nic) throws IOException {
        out.writeObjectFieldStart("binding");
        out.writeStringField("name", binding);
        out.writeEndObject();
        out.writeStringField("model", nic.model());
        Mac mac = nic.mac();
        String pciAddress = nic.pciAddress();
        out.writeStringField("macAddress", mac == null ? "" : mac.toString());
        out.writeStringField("pciAddress", pciAddress == null ? "" : pciAddress);
        out.writeNumberField("acpiIndex", nic.acpiIndex());
        out.writeNumberField("bootOrder", nic.bootOrder());
        out.writeStringField("state", nic.down() ? "down" : "");
        out.writeArrayFieldStart("ports");
        for (PortForward port : nic.ports()) {
            out.writeStartObject();
            out.writeNumberField("port", port.first());
            out.writeStringField("protocol", port.protocol().name());
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    private void status() throws IOException {
        out.writeObjectFieldStart("status");
        out.writeStringField("launcherContainerImageVersion", vmi.launcherImage());
        if (vmi.migrating()) {
            empty("migrationState");
        }
        out.writeArrayFieldStart("interfaces");
        out.writeStartObject();
        out.writeStringField("name", vmi.nic().name());
        out.writeStringField("podInterfaceName", vmi.nic().podInterface());
        out.writeArrayFieldStart("ipAddresses");
        for (Ip address : vmi.nic().addresses()) {
            out.writeString(address.toString());
        }
        out.writeEndArray();
        out.writeEndObject();
        out.writeEndArray();
        out.writeEndObject();
    }

    private void empty(String name) throws IOException {
        out.writeObjectFieldStart(name);
        out.writeEndObject();
    }
}
