package io.passatelli.plane;

import io.passatelli.flow.FlowView;

import java.util.List;

/**
 * Flows of a plane. Each view is of one moment, all of them together are not: they are taken within a few turns of the loop. Any thread.
 *
 * @param first as many as were asked for, in the order of the flow table: a flow keeps its place there, and a new one takes the first that is free
 * @param total how many flows there were when the last was looked at
 */
public record FlowViews(List<FlowView> first, int total) {
    public FlowViews {
        first = List.copyOf(first);
    }
}
