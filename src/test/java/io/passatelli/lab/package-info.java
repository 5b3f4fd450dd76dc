/** Commands and network namespaces for all tests; a plane in a process of its own, and a Linux stack as its guest. Tests only; needs root. */
@NullMarked
package io.passatelli.lab;

import org.jspecify.annotations.NullMarked;
