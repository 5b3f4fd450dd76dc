package io.passatelli.hook;

import com.google.protobuf.UnsafeByteOperations;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.passatelli.base.HookLimits;
import io.passatelli.base.Log;
import io.passatelli.hook.proto.info.HookPoint;
import io.passatelli.hook.proto.info.InfoGrpc;
import io.passatelli.hook.proto.info.InfoParams;
import io.passatelli.hook.proto.info.InfoResult;
import io.passatelli.hook.proto.v1alpha3.CallbacksGrpc;
import io.passatelli.hook.proto.v1alpha3.OnDefineDomainParams;
import io.passatelli.hook.proto.v1alpha3.OnDefineDomainResult;
import io.passatelli.hook.proto.v1alpha3.PreCloudInitIsoParams;
import io.passatelli.hook.proto.v1alpha3.PreCloudInitIsoResult;
import io.passatelli.hook.proto.v1alpha3.ShutdownParams;
import io.passatelli.hook.proto.v1alpha3.ShutdownResult;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The gRPC services of a hook sidecar. Info is answered on the connections' thread, at once: one that takes a second ends the VM. The callbacks
 * wait for one thread of their own, so that one is never in another's way.
 */
final class HookServices implements AutoCloseable {
    private static final String NAME = "passatelli";
    private static final String NEWEST = "v1alpha3";
    private static final List<String> VERSIONS = List.of(NEWEST, "v1alpha2", "v1alpha1");
    private static final InfoResult INFO = InfoResult.newBuilder()
            .setName(NAME)
            .addHookPoints(HookPoint.newBuilder().setName("OnDefineDomain"))
            .addHookPoints(HookPoint.newBuilder().setName("Shutdown"))
            .addAllVersions(VERSIONS)
            .build();

    private static final String INFO_METHOD = InfoGrpc.getInfoMethod().getFullMethodName();
    private static final ServerStreamTracer OTHER_CALL = new ServerStreamTracer() {};

    private final Log log;
    private final ThreadPoolExecutor thread;
    private volatile HookCalls calls;

    HookServices(HookCalls calls, Log log) {
        this.calls = calls;
        this.log = log;
        thread = new ThreadPoolExecutor(
                1,
                1,
                0,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(HookLimits.CALLS_WAITING),
                Thread.ofPlatform().name("hook-calls").daemon().factory());
    }

    /** Who is called from now on. */
    void calls(HookCalls now) {
        calls = now;
    }

    List<ServerServiceDefinition> definitions() {
        List<ServerServiceDefinition> all = new ArrayList<>();
        all.add(new Info().bindService());
        VERSIONS.forEach(version -> all.add(callbacks(version)));
        return all;
    }

    /** Tells {@link HookCalls#onInfo} how long callers wait, from their call's arrival on: the connections' thread may have other work. */
    ServerStreamTracer.Factory infoTimes() {
        return new ServerStreamTracer.Factory() {
            @Override
            public ServerStreamTracer newServerStreamTracer(String method, Metadata headers) {
                return method.equals(INFO_METHOD) ? new InfoTime(calls.onInfo()) : OTHER_CALL;
            }
        };
    }

    private static final class InfoTime extends ServerStreamTracer {
        private final Runnable answered;

        InfoTime(Runnable answered) {
            this.answered = answered;
        }

        @Override
        public void streamClosed(Status status) {
            answered.run();
        }
    }

    /** On the wire a version has the newest one's messages, and some of its calls. */
    private ServerServiceDefinition callbacks(String version) {
        ServerServiceDefinition newest = new Callbacks().bindService();
        String name = newest.getServiceDescriptor().getName().replace(NEWEST, version);
        ServerServiceDefinition.Builder renamed = ServerServiceDefinition.builder(name);
        newest.getMethods().forEach(method -> renamed.addMethod(renamed(method, name)));
        return renamed.build();
    }

    private static <P, R> ServerMethodDefinition<P, R> renamed(ServerMethodDefinition<P, R> method, String service) {
        MethodDescriptor<P, R> old = method.getMethodDescriptor();
        String name = MethodDescriptor.generateFullMethodName(service, String.valueOf(old.getBareMethodName()));
        return ServerMethodDefinition.create(
                old.toBuilder().setFullMethodName(name).build(), method.getServerCallHandler());
    }

    private static final class Info extends InfoGrpc.InfoImplBase {
        @Override
        public void info(InfoParams asked, StreamObserver<InfoResult> caller) {
            caller.onNext(INFO);
            caller.onCompleted();
        }
    }

    private final class Callbacks extends CallbacksGrpc.CallbacksImplBase {
        @Override
        public void onDefineDomain(OnDefineDomainParams asked, StreamObserver<OnDefineDomainResult> caller) {
            later("OnDefineDomain", caller, () -> {
                byte[] xml = calls.onDefineDomain(
                        asked.getDomainXML().toByteArray(), asked.getVmi().toByteArray());
                return OnDefineDomainResult.newBuilder()
                        .setDomainXML(UnsafeByteOperations.unsafeWrap(xml))
                        .build();
            });
        }

        /** Not asked for; whoever calls it all the same gets back what it gave. */
        @Override
        public void preCloudInitIso(PreCloudInitIsoParams asked, StreamObserver<PreCloudInitIsoResult> caller) {
            caller.onNext(PreCloudInitIsoResult.newBuilder()
                    .setCloudInitNoCloudSource(asked.getCloudInitNoCloudSource())
                    .setCloudInitData(asked.getCloudInitData())
                    .build());
            caller.onCompleted();
        }

        @Override
        public void shutdown(ShutdownParams asked, StreamObserver<ShutdownResult> caller) {
            later("Shutdown", caller, () -> {
                calls.onShutdown();
                return ShutdownResult.getDefaultInstance();
            });
        }
    }

    private interface Call<R> {
        R answer() throws HookRefusal;
    }

    private <R> void later(String name, StreamObserver<R> caller, Call<R> call) {
        ServerCallStreamObserver<R> observer = (ServerCallStreamObserver<R>) caller;
        observer.setOnCancelHandler(() -> {}); // the answer to a caller that has gone is then no error
        try {
            thread.execute(() -> answer(name, observer, call));
        } catch (RejectedExecutionException e) {
            observer.onError(Status.UNAVAILABLE
                    .withDescription("Passatelli is busy with other hook calls, or has ended: try again")
                    .asException());
        }
    }

    private <R> void answer(String name, ServerCallStreamObserver<R> caller, Call<R> call) {
        if (caller.isCancelled()) {
            return; // its deadline has passed, or it has gone
        }
        try {
            caller.onNext(call.answer());
            caller.onCompleted();
        } catch (HookRefusal e) {
            log.warn(name + " refused: " + e.sentence());
            caller.onError(Status.INVALID_ARGUMENT.withDescription(e.sentence()).asException());
        } catch (RuntimeException | Error e) {
            log.error("bug: " + name + " failed: " + e, e);
            caller.onError(Status.INTERNAL
                    .withDescription("Passatelli failed, which is a bug of it: the log of its container says where")
                    .asException());
        }
    }

    /** A call that runs is answered, if it does not take long. */
    @Override
    public void close() {
        thread.shutdown();
        try {
            if (!thread.awaitTermination(HookLimits.CLOSE_MS, TimeUnit.MILLISECONDS)) {
                log.warn("a hook call has not ended");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
