package io.passatelli.app;

import io.passatelli.app.monitor.HookTimes;
import io.passatelli.base.Clock;
import io.passatelli.base.Log;
import io.passatelli.config.Annotations;
import io.passatelli.config.DesiredForwards;
import io.passatelli.config.EphemeralPorts;
import io.passatelli.config.PlaneConfig;
import io.passatelli.hook.DomainXml;
import io.passatelli.hook.HookCalls;
import io.passatelli.hook.HookRefusal;
import io.passatelli.hook.SidecarState;
import io.passatelli.hook.Transport;
import io.passatelli.hook.Vmi;
import io.passatelli.host.Conntrack;
import io.passatelli.host.GuestNetworks;
import io.passatelli.host.HostDiscovery;
import io.passatelli.host.HostNetwork;
import io.passatelli.host.HostWatch;
import io.passatelli.host.LocalPorts;
import io.passatelli.host.NetworkPlan;
import io.passatelli.host.ResolvConf;
import io.passatelli.link.LoopbackSocket;
import io.passatelli.os.Os;
import io.passatelli.plane.PlaneHandle;
import org.jspecify.annotations.Nullable;

import java.io.IOException;

/**
 * What the sidecar does when virt-launcher calls: the answer, and what the VMI asks of the plane. The calls of one boot are alike, and come again
 * after a failure with what the user has mended meanwhile: the plane follows unless QEMU is connected, for then a guest lives by what it was told.
 */
final class SidecarHooks implements HookCalls, AutoCloseable {
    private final SidecarOptions options;
    private final Os os;
    private final Clock clock;
    private final JsonLog json;
    private final Log log;
    private final SidecarLife life;
    private final HookTimes times;
    private final StateFile state;
    private final EphemeralPorts ephemeral = LocalPorts.ephemeral(LocalPorts.PATH);
    private @Nullable PlaneHandle plane;
    private @Nullable LoopbackSocket loopback;
    private @Nullable BootForwards forwards;
    private @Nullable PlaneConfig first;
    /** In force; null: none were yet, or those before were given up for others that could not be had. */
    private @Nullable VmiSettings settings;
    /** Came too late, and that was said. */
    private @Nullable VmiSettings late;

    /** What {@link #settings} were made of. */
    private @Nullable Vmi taken;

    private boolean resumed;
    private @Nullable HostWatch hostWatch;
    private boolean closed;

    /** What hooks work with. */
    record Parts(SidecarOptions options, Os os, Clock clock, JsonLog json, Log log, SidecarLife life) {}

    SidecarHooks(Parts parts) {
        options = parts.options();
        os = parts.os();
        clock = parts.clock();
        json = parts.json();
        log = parts.log();
        life = parts.life();
        times = new HookTimes(clock);
        state = new StateFile(options.state(), options.bindingName(), log);
    }

    /** The network of a pod of which no VMI is known yet. Throws {@link IOException} with one sentence. */
    PlaneConfig begin() throws IOException {
        PlaneConfig plan = GuestNetworks.plan(
                        VmiSettings.pod().build(), HostDiscovery.discover(os), ResolvConf.EMPTY, ephemeral)
                .plane();
        first = plan;
        return plan;
    }

    /** Whom calls reach from now on; {@code door} is opened if a VM's QEMU is to come by it. */
    synchronized void serve(PlaneHandle handle, BootForwards its, LoopbackSocket door) {
        plane = handle;
        forwards = its;
        loopback = door;
    }

    /** Begins where another process left off, if there was one in this pod that did not end by itself. Before any call. */
    synchronized void resume() {
        try {
            SidecarState left = state.read();
            if (left != null) {
                resume(left);
            }
        } catch (HookRefusal e) {
            log.error("a process before this one was killed, and its VM's network cannot begin again: " + e.sentence());
        } catch (RuntimeException | Error e) { // calls may still come, and the last one will
            log.error("bug: " + e + ", so what a process before this one left is not taken up", e);
        }
    }

    private void resume(SidecarState left) throws HookRefusal {
        resumed = true;
        times.resumed();
        Vmi vmi = left.vmi();
        life.onResume(left.qemuCame(), clock.nowNs());
        life.grace(vmi.graceSeconds());
        life.target(vmi.migrating());
        json.vm(vmi.namespace() + "/" + vmi.name());
        HostNetwork host = host();
        VmiSettings asked = VmiSettings.of(vmi, host, ephemeral);
        boolean again = vmi.qemuReconnects() && asked.transport() != Transport.STREAM_TCP;
        if (again) {
            life.qemuReconnects();
        }
        log.warn("a process before this one was killed: its connections are gone, and the VM "
                + (again
                        ? "is connected again when its QEMU tries"
                        : "has no network until it is migrated or started again"));
        take(vmi, asked, host);
    }

    /** Whether this process took the place of another. */
    synchronized boolean isResumed() {
        return resumed;
    }

    /** Writes down what the process that takes our place has to know, if that has changed. */
    synchronized void keep() {
        if (taken != null && !closed) {
            state.keep(new SidecarState(life.hasCome(), taken));
        }
    }

    /** Nobody takes our place: the VM has ended. */
    synchronized void forget() {
        closed = true;
        state.remove();
    }

    @Override
    public synchronized byte[] onDefineDomain(byte[] domainXml, byte[] vmiJson) throws HookRefusal {
        try (var _ = times.begin(HookTimes.Call.ON_DEFINE_DOMAIN)) {
            return define(domainXml, vmiJson);
        }
    }

    private byte[] define(byte[] domainXml, byte[] vmiJson) throws HookRefusal {
        life.onCall(clock.nowNs());
        Vmi vmi = Vmi.parse(vmiJson, options.bindingName());
        json.vm(vmi.namespace() + "/" + vmi.name());
        HostNetwork host = host();
        VmiSettings asked = VmiSettings.of(vmi, host, ephemeral);
        byte[] answer = answer(domainXml, vmi, asked);
        take(vmi, asked, host);
        life.grace(vmi.graceSeconds());
        life.target(vmi.migrating());
        return answer;
    }

    private byte[] answer(byte[] domainXml, Vmi vmi, VmiSettings asked) throws HookRefusal {
        return DomainXml.apply(
                domainXml, vmi, new DomainXml.Settings(asked.transport(), options.socketOfQemu(), asked.mtu()));
    }

    /** The same, but for its consequences: so that all of it was run once when it counts. */
    HookCalls rehearsal() {
        return new HookCalls() {
            @Override
            public byte[] onDefineDomain(byte[] domainXml, byte[] vmiJson) throws HookRefusal {
                Vmi vmi = Vmi.parse(vmiJson, null);
                HostNetwork host = host();
                VmiSettings asked = VmiSettings.of(vmi, host, ephemeral);
                plan(asked, host);
                isInForce(asked);
                return answer(domainXml, vmi, asked);
            }

            @Override
            public void onShutdown() {}
        };
    }

    @Override
    public Runnable onInfo() {
        return times.begin(HookTimes.Call.INFO)::close;
    }

    @Override
    public void onShutdown() {
        try (var _ = times.begin(HookTimes.Call.SHUTDOWN)) {
            life.onShutdown();
        }
    }

    /** When calls came, and how long the answers took. */
    HookTimes times() {
        return times;
    }

    private HostNetwork host() throws HookRefusal {
        try {
            return HostDiscovery.discover(os);
        } catch (IOException e) {
            throw new HookRefusal("the pod's network cannot be looked at: " + e.getMessage());
        }
    }

    private synchronized boolean isInForce(VmiSettings asked) {
        return asked.equals(settings);
    }

    private void take(Vmi vmi, VmiSettings asked, HostNetwork host) throws HookRefusal {
        if (isInForce(asked) || closed) {
            return;
        }
        if (settings != null && life.isUp()) {
            sayLate(asked);
            return;
        }
        NetworkPlan plan = plan(asked, host);
        tendDoor(vmi, asked.transport());
        unfollow(); // it would give the plane the old network again
        settings = null;
        if (plane == null || forwards == null || !plane.adopt(plan.plane())) {
            throw new HookRefusal("the network is too busy to begin with a VM, and is asked again");
        }
        if (vmi.migrating() || resumed) {
            boolean ignored = plane.expectGuest(vmi.nic().addresses()); // without it the guest has to speak first
        }
        settings = asked;
        taken = vmi;
        asked.remarks().forEach(log::warn);
        plan.remarks().forEach(log::warn);
        log.info("guest network: " + plan.summary() + "; MTU " + asked.mtu() + ", transport " + asked.transport());
        follow(asked, plan, plane);
        forwards.set(asked.forwards());
        keep();
    }

    private void sayLate(VmiSettings asked) {
        if (!asked.equals(late)) {
            late = asked;
            log.warn(
                    "the VMI asks for something else than when QEMU came, which has no effect before the VM starts again");
        }
    }

    /**
     * QEMU does not try a second time: it listens before the call is answered. The other door is open in any case, this one only to who may come by
     * it: every container of the pod can. Both are for a migration, whose QEMU comes as its domain says where it comes from, whatever the VMI says by
     * now.
     */
    private void tendDoor(Vmi vmi, Transport transport) throws HookRefusal {
        if (loopback == null) {
            return;
        }
        if (transport != Transport.STREAM_TCP && !vmi.migrating()) {
            loopback.stopListening(); // a start before this one, which failed, may have opened it
            return;
        }
        try {
            loopback.listen(DesiredForwards.STREAM_TCP_PORT);
        } catch (IOException e) {
            String sentence = Annotations.TRANSPORT + ": " + Transport.STREAM_TCP + ": " + e.getMessage();
            if (!vmi.migrating()) {
                throw new HookRefusal(sentence);
            }
            log.warn(sentence + ", so a guest that comes by it has no network here");
        }
    }

    private NetworkPlan plan(VmiSettings asked, HostNetwork host) throws HookRefusal {
        try {
            NetworkPlan plan = GuestNetworks.plan(asked.options(), host, resolvConf(), ephemeral)
                    .udpTimeouts(Conntrack.udpTimeouts(Conntrack.PATH));
            return first == null ? plan : plan.services(first.services());
        } catch (IllegalArgumentException e) {
            throw new HookRefusal("the guest's network cannot be made: " + e.getMessage());
        }
    }

    private ResolvConf resolvConf() {
        try {
            return ResolvConf.read(ResolvConf.PATH);
        } catch (IOException e) {
            log.warn(e.getMessage() + ", so no resolver of the pod is told to the guest");
            return ResolvConf.EMPTY;
        }
    }

    private void follow(VmiSettings asked, NetworkPlan plan, PlaneHandle handle) {
        try {
            hostWatch = HostWatch.start(
                    new HostWatch.Surroundings(os, clock, asked.options(), ephemeral, ResolvConf.PATH),
                    plan,
                    new HostFollower(handle, clock, log));
        } catch (IOException e) {
            log.warn(e.getMessage()
                    + ", so the guest keeps the network that it is told now, and what the pod gets of addresses"
                    + " later is not closed to it: start the VM again when that is mended");
        }
    }

    private void unfollow() {
        if (hostWatch != null) {
            hostWatch.close();
            hostWatch = null;
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        unfollow();
    }
}
