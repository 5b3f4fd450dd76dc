package io.passatelli.hook;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;

/** Answers with what it got and a comment, so that a caller knows whose answer it is. */
class StubCalls implements HookCalls {
    final AtomicInteger defined = new AtomicInteger();
    final AtomicInteger shutDown = new AtomicInteger();

    @Override
    public byte[] onDefineDomain(byte[] domainXml, byte[] vmiJson) throws HookRefusal {
        defined.incrementAndGet();
        return answer(domainXml);
    }

    static byte[] answer(byte[] domainXml) {
        return (new String(domainXml, StandardCharsets.UTF_8) + "<!-- seen -->").getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void onShutdown() {
        shutDown.incrementAndGet();
    }
}
