package io.passatelli.plane;

import io.passatelli.base.Limits;
import io.passatelli.flow.FlowTable;
import io.passatelli.flow.FlowView;
import io.passatelli.loop.ReadyList;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;

/**
 * Makes lists of flows for others, a slice in each turn of the loop, so that packets do not wait for a long table. As a member of the ready list
 * it has its visit once a turn; a command of the mailbox that posted itself again would run in the same one. Loop thread only.
 */
final class FlowLister extends ReadyList.Node {
    private final FlowTable flows;
    private final ReadyList ready;
    private final Queue<Request> requests = new ArrayDeque<>();
    private boolean ended;

    /** One list that is being made. */
    private static final class Request {
        final int most;
        final CompletableFuture<FlowViews> answer;
        final List<FlowView> views = new ArrayList<>();
        /** Places before it were looked at. */
        int place;

        Request(int most, CompletableFuture<FlowViews> answer) {
            this.most = most;
            this.answer = answer;
        }
    }

    FlowLister(FlowTable flows, ReadyList ready) {
        this.flows = flows;
        this.ready = ready;
    }

    /** Answers with the first {@code most} flows, or fails with {@link IllegalStateException}. */
    void list(int most, CompletableFuture<FlowViews> answer) {
        if (ended) {
            answer.completeExceptionally(PlaneHandle.hasEnded());
        } else if (requests.size() == Limits.FLOW_LISTS) {
            answer.completeExceptionally(
                    new IllegalStateException("the plane is making " + Limits.FLOW_LISTS + " lists of flows already"));
        } else {
            requests.add(new Request(most, answer));
            ready.add(this);
        }
    }

    /** A slice of the oldest list. It moves no bytes. */
    @Override
    protected long visit(long allowanceBytes, long nowNs) {
        Request request = requests.peek();
        if (request == null) {
            return 0;
        }
        boolean done = request.answer.isDone() || slice(request, nowNs); // nobody waits for it any more, or it is whole
        if (done) {
            requests.remove();
        }
        if (!requests.isEmpty()) {
            ready.add(this);
        }
        if (done) {
            request.answer.complete(new FlowViews(request.views, flows.count()));
        }
        return 0;
    }

    /** Whether the list is whole. */
    private boolean slice(Request request, long nowNs) {
        int end = Math.min(request.views.size() + Limits.FLOW_VIEWS_PER_TURN, request.most);
        while (request.views.size() < end) {
            int place = flows.next(request.place);
            if (place == FlowTable.NONE) {
                return true;
            }
            request.views.add(flows.at(place).view(nowNs));
            request.place = place + 1;
        }
        return end == request.most;
    }

    /** A list that cannot be made must not stand in the way of the others. */
    @Override
    protected void onFault(Throwable thrown) {
        Request request = requests.poll();
        if (request != null) {
            request.answer.completeExceptionally(new IllegalStateException("the flows cannot be shown: " + thrown));
        }
        if (!requests.isEmpty()) {
            ready.add(this);
        }
    }

    /** The loop has ended. */
    void end() {
        ended = true;
        for (Request request = requests.poll(); request != null; request = requests.poll()) {
            request.answer.completeExceptionally(PlaneHandle.hasEnded());
        }
    }
}
