package io.passatelli;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import io.passatelli.base.HotPath;

import java.time.Instant;
import java.util.Arrays;
import java.util.stream.Stream;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

/** The layer law of the house: which package may import which. docs/ARCHITECTURE.md draws it. */
@AnalyzeClasses(packages = "io.passatelli", importOptions = ImportOption.DoNotIncludeTests.class)
class HouseTest {
    private static final String ROOT = "io.passatelli.";
    private static final String[] LEVELS_0_TO_3 = {
        "base", "config", "wire..", "os", "loop", "flow", "link..", "forward", "guest", "host"
    };

    @ArchTest
    static final ArchRule base = room("base");

    @ArchTest
    static final ArchRule config = room("config", "base");

    @ArchTest
    static final ArchRule wire = room("wire..", "base");

    @ArchTest
    static final ArchRule os = room("os..", "base");

    @ArchTest
    static final ArchRule loop = room("loop", "base", "os");

    @ArchTest
    static final ArchRule flow = room("flow", "base", "config", "wire..");

    @ArchTest
    static final ArchRule link = room("link..", "base", "wire..", "os", "loop");

    @ArchTest
    static final ArchRule guest = room("guest", "base", "config", "wire..", "link..", "flow");

    @ArchTest
    static final ArchRule forward = room("forward", "base", "config", "os", "loop", "flow");

    @ArchTest
    static final ArchRule host = room("host", "base", "config", "os", "loop");

    @ArchTest
    static final ArchRule arp = room("proto.arp", LEVELS_0_TO_3);

    @ArchTest
    static final ArchRule dhcp = room("proto.dhcp", LEVELS_0_TO_3);

    @ArchTest
    static final ArchRule dhcpv6 = room("proto.dhcpv6", LEVELS_0_TO_3);

    @ArchTest
    static final ArchRule ndp = room("proto.ndp", LEVELS_0_TO_3);

    @ArchTest
    static final ArchRule udp = room("proto.udp", LEVELS_0_TO_3);

    @ArchTest
    static final ArchRule tcp = room("proto.tcp", LEVELS_0_TO_3);

    @ArchTest
    static final ArchRule icmp = room("proto.icmp", LEVELS_0_TO_3);

    @ArchTest
    static final ArchRule plane = room(
            "plane",
            Stream.concat(Arrays.stream(LEVELS_0_TO_3), Stream.of("proto..")).toArray(String[]::new));

    @ArchTest
    static final ArchRule controlApi = room("control.api", "base", "config");

    @ArchTest
    static final ArchRule controlServer = room("control.server", "base", "config", "control.api");

    @ArchTest
    static final ArchRule controlClient = room("control.client", "base", "config", "control.api");

    /** Of the plane it may see {@code PlaneHandle} alone; it sees nothing yet. */
    @ArchTest
    static final ArchRule hook = room("hook..", "base", "config");

    @ArchTest
    static final ArchRule everyClassHasARoom = classes()
            .should()
            .resideInAnyPackage(packages(
                    "base",
                    "config",
                    "wire..",
                    "os..",
                    "loop",
                    "flow",
                    "link..",
                    "forward",
                    "guest",
                    "host",
                    "proto.arp",
                    "proto.dhcp",
                    "proto.dhcpv6",
                    "proto.icmp",
                    "proto.ndp",
                    "proto.tcp",
                    "proto.udp",
                    "plane",
                    "control.api",
                    "control.server",
                    "control.client",
                    "hook..",
                    "app.."));

    @ArchTest
    static final ArchRule protocolsSeeInterfacesOnly = noClasses()
            .that()
            .resideInAPackage(ROOT + "proto..")
            .should()
            .dependOnClassesThat()
            .haveNameMatching("io\\.passatelli\\.(os\\.LinuxOs|link\\.\\w+Link)");

    @ArchTest
    static final ArchRule noCycles =
            slices().matching("io.passatelli.(**)").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule jnrInOnePlace = noClasses()
            .that()
            .resideOutsideOfPackage(ROOT + "os.posix..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("jnr..");

    @ArchTest
    static final ArchRule jacksonInFewPlaces = noClasses()
            .that()
            .resideOutsideOfPackages(packages("control.api", "hook"))
            .and()
            .doNotHaveFullyQualifiedName(ROOT + "app.JsonLog")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("com.fasterxml..");

    /** Stage 2 of the sidecar is one package, so that whatever does not start it loads nothing of it. */
    @ArchTest
    static final ArchRule quarkusInOnePlace = noClasses()
            .that()
            .resideOutsideOfPackage(ROOT + "app.monitor")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.quarkus..",
                    "io.vertx..",
                    "io.smallrye..",
                    "io.micrometer..",
                    "io.prometheus..",
                    "jakarta..",
                    "org.eclipse.microprofile..",
                    "org.jboss..");

    @ArchTest
    static final ArchRule plainJavaBelow = noClasses()
            .that()
            .resideOutsideOfPackages(packages("hook..", "control..", "controller..", "app.."))
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.quarkus..", "jakarta..", "io.fabric8..", "io.grpc..", "picocli..");

    /** PcapWriter alone needs the wall's time: a capture's times are since 1970, and it asks once, when it is opened. */
    @ArchTest
    static final ArchRule oneClock = noClasses()
            .that()
            .resideOutsideOfPackage(ROOT + "base")
            .and()
            .doNotHaveFullyQualifiedName(ROOT + "link.PcapWriter")
            .and()
            .doNotHaveFullyQualifiedName(ROOT + "app.JsonLog")
            .should()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethod(Instant.class, "now");

    @ArchTest
    static final ArchRule oneMonotonicClock =
            noClasses().that().resideOutsideOfPackage(ROOT + "base").should().callMethod(System.class, "nanoTime");

    /** Constructors and static initializers are no methods here: what a hot class needs is made with it. */
    @ArchTest
    static final ArchRule hotPath = methods()
            .that()
            .areAnnotatedWith(HotPath.class)
            .or()
            .areDeclaredInClassesThat()
            .areAnnotatedWith(HotPath.class)
            .should(new HotPathCondition());

    private static ArchRule room(String room, String... mayImport) {
        DescribedPredicate<JavaClass> allowed = resideInAPackage(ROOT + room)
                .or(resideInAnyPackage(packages(mayImport)))
                .or(DescribedPredicate.not(resideInAPackage("io.passatelli..")));
        return classes()
                .that()
                .resideInAPackage(ROOT + room)
                .should()
                .onlyDependOnClassesThat(allowed)
                .allowEmptyShould(true);
    }

    private static String[] packages(String... rooms) {
        return Arrays.stream(rooms).map(ROOT::concat).toArray(String[]::new);
    }
}
