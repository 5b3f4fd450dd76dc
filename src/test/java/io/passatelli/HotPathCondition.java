package io.passatelli;

import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.Instruction;
import java.lang.classfile.MethodModel;
import java.lang.classfile.instruction.BranchInstruction;
import java.lang.classfile.instruction.InvokeDynamicInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.NewMultiArrayInstruction;
import java.lang.classfile.instruction.NewObjectInstruction;
import java.lang.classfile.instruction.NewPrimitiveArrayInstruction;
import java.lang.classfile.instruction.NewReferenceArrayInstruction;
import java.lang.classfile.instruction.ReturnInstruction;
import java.lang.classfile.instruction.ThrowInstruction;
import java.util.List;
import java.util.Set;

/**
 * What a method on the hot path may not do: make objects or arrays, box, build strings, make lambdas, go through streams or iterators. What is
 * made on a straight way to a {@code throw} is allowed: that is the end of the hot path. Read from the bytecode, for there string
 * concatenation, boxing and the arrays of varargs are as plain as {@code new}.
 */
final class HotPathCondition extends ArchCondition<JavaMethod> {
    private static final Set<String> BOXES = Set.of(
            "java/lang/Boolean",
            "java/lang/Byte",
            "java/lang/Character",
            "java/lang/Short",
            "java/lang/Integer",
            "java/lang/Long",
            "java/lang/Float",
            "java/lang/Double");
    private static final Set<String> STRING_MAKERS =
            Set.of("concat", "format", "formatted", "join", "repeat", "split", "substring", "valueOf");

    /** Where concatenated strings and lambdas come from. Other dynamic calls, as a switch over types has one, make nothing. */
    private static final Set<String> BOOTSTRAPS =
            Set.of("makeConcat", "makeConcatWithConstants", "metafactory", "altMetafactory");

    HotPathCondition() {
        super("make nothing");
    }

    @Override
    public void check(JavaMethod method, ConditionEvents events) {
        List<Instruction> code = code(method);
        for (int i = 0; i < code.size(); i++) {
            String made = made(code.get(i));
            if (!made.isEmpty() && !leadsToThrow(code, i)) {
                events.add(SimpleConditionEvent.violated(method, method.getFullName() + " makes " + made));
            }
        }
    }

    private static List<Instruction> code(JavaMethod method) {
        for (MethodModel candidate : bytes(method)) {
            if (candidate.methodName().equalsString(method.getName())
                    && candidate.methodType().equalsString(method.getDescriptor())) {
                return candidate.code().stream()
                        .flatMap(code -> code.elementStream())
                        .filter(Instruction.class::isInstance)
                        .map(Instruction.class::cast)
                        .toList();
            }
        }
        throw new AssertionError(method.getFullName() + " is not in its class file");
    }

    private static List<MethodModel> bytes(JavaMethod method) {
        try (InputStream in =
                method.getOwner().getSource().orElseThrow().getUri().toURL().openStream()) {
            return ClassFile.of().parse(in.readAllBytes()).methods();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the instruction makes; empty: nothing. */
    private static String made(Instruction instruction) {
        return switch (instruction) {
            case NewObjectInstruction it -> "a " + it.className().asInternalName();
            case NewPrimitiveArrayInstruction it -> "an array of " + it.typeKind();
            case NewReferenceArrayInstruction it ->
                "an array of " + it.componentType().asInternalName();
            case NewMultiArrayInstruction it -> "a " + it.arrayType().asInternalName();
            case InvokeDynamicInstruction it -> {
                String bootstrap = it.bootstrapMethod().methodName();
                yield BOOTSTRAPS.contains(bootstrap) ? "what " + bootstrap + " makes" : "";
            }
            case InvokeInstruction it -> {
                String owner = it.owner().asInternalName();
                String name = it.name().stringValue();
                String returned = it.type().stringValue();
                yield isMaker(owner, name, returned.substring(returned.indexOf(')') + 1)) ? owner + "." + name : "";
            }
            default -> "";
        };
    }

    private static boolean isMaker(String owner, String name, String returned) {
        return owner.startsWith("java/util/stream/")
                || returned.startsWith("Ljava/util/stream/")
                || owner.equals("java/util/Iterator")
                || returned.equals("Ljava/util/Iterator;")
                || owner.equals("java/lang/StringBuilder")
                || owner.equals("java/lang/String") && STRING_MAKERS.contains(name)
                || name.equals("valueOf") && BOXES.contains(owner)
                || name.equals("values") && returned.startsWith("[L"); // an enum's: a new array each time
    }

    private static boolean leadsToThrow(List<Instruction> code, int from) {
        for (Instruction instruction : code.subList(from, code.size())) {
            switch (instruction) {
                case ThrowInstruction it -> {
                    return true;
                }
                case BranchInstruction it -> {
                    return false;
                }
                case ReturnInstruction it -> {
                    return false;
                }
                default -> {}
            }
        }
        return false;
    }
}
