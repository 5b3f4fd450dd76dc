/** Microbenchmarks, by JMH: what each frame or each flow costs, without system calls. Run by {@code make bench-jmh}. */
package io.passatelli.bench;
