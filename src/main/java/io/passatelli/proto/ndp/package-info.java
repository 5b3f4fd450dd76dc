/** Neighbor Discovery, RFC 4861: the guest's router and all its neighbours. Loop thread only. May import: levels 0 to 3, Os and Link as interfaces only. */
@NullMarked
package io.passatelli.proto.ndp;

import org.jspecify.annotations.NullMarked;
