package io.passatelli.os;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import static org.assertj.core.api.Assertions.assertThat;

/** What kernel-table.c printed. */
final class KernelTable {
    /** An error's name and what strerror(3) says of it in the C locale. */
    record Row(String name, String text) {}

    private final Map<String, Long> structs = new HashMap<>();
    private final Map<String, Long> fields = new HashMap<>();
    private final Map<String, Long> constants = new TreeMap<>();
    private final Map<Integer, Row> errors = new TreeMap<>();

    KernelTable(List<String> lines) {
        for (String line : lines) {
            String[] word = line.split(" ", 4);
            switch (word[0]) {
                case "struct" -> structs.put(word[1], Long.valueOf(word[2]));
                case "field" -> fields.put(word[1], Long.valueOf(word[2]));
                case "constant" -> constants.put(word[1], Long.valueOf(word[2]));
                case "errno" -> {
                    constants.put(word[1], Long.valueOf(word[2]));
                    errors.put(Integer.valueOf(word[2]), new Row(word[1], word[3]));
                }
                default -> throw new AssertionError(line);
            }
        }
    }

    long sizeOf(String struct) {
        return known(structs, struct);
    }

    /** Of "struct.field". */
    long offsetOf(String field) {
        return known(fields, field);
    }

    long constant(String name) {
        return known(constants, name);
    }

    boolean hasConstant(String name) {
        return constants.containsKey(name);
    }

    Map<Integer, Row> errors() {
        return errors;
    }

    private static long known(Map<String, Long> map, String name) {
        assertThat(map)
                .as("kernel-table.c prints it; make the table again with the command in its head")
                .containsKey(name);
        return map.getOrDefault(name, 0L);
    }
}
