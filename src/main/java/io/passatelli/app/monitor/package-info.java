/**
 * Stage 2 of the sidecar: health and metrics over HTTP, by Quarkus, in the process where the plane runs. Reads snapshots of the plane's counters, and
 * changes nothing. May import: base, plane.PlaneHandle and what it answers; it is the only user of Quarkus.
 */
@NullMarked
package io.passatelli.app.monitor;

import org.jspecify.annotations.NullMarked;
