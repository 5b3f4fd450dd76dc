/**
 * What KubeVirt's virt-launcher asks of a network binding plugin: the hook service, and what comes and goes with it. Any thread. May import: base,
 * config, plane.PlaneHandle, gRPC and its generated classes, Jackson's streams.
 */
@NullMarked
package io.passatelli.hook;

import org.jspecify.annotations.NullMarked;
