package io.passatelli.hook;

/** What virt-launcher asks of us, without the wire. On a thread of the {@link HookServer}'s, one call at a time. */
public interface HookCalls {
    /**
     * The domain's XML as it is to be defined; called up to three times for each start of a VM, and again when something failed. virt-launcher
     * has 20 s for all that it does to start a VM, so this waits for nothing.
     *
     * @param vmiJson the VirtualMachineInstance
     */
    byte[] onDefineDomain(byte[] domainXml, byte[] vmiJson) throws HookRefusal;

    /** Somebody asks who we are. Called on the connections' thread; what it returns is run when the answer has been sent, or cannot be any more. */
    default Runnable onInfo() {
        return () -> {};
    }

    /** QEMU has ended. The caller has its answer when this returns. */
    void onShutdown();
}
