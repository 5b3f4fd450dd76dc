/**
 * KubeVirt's hook sidecar: virt-launcher's calls over a UNIX socket, and what becomes of a domain's XML. Any thread. May import: base, config,
 * plane.PlaneHandle, hook.proto (generated from src/main/proto), gRPC, Netty, Jackson's streams.
 */
@NullMarked
package io.passatelli.hook;

import org.jspecify.annotations.NullMarked;
