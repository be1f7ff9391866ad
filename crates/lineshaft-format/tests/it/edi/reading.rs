//! One message at a time: where its values stand in the tree, and what is found wrong with it.

use lineshaft_model::fault::Code;

use super::sample::{
    DESPATCH, NOTICE, ORDER, ORDERS, at, edifact_of, found, message, only, outline, read_edifact, set, x12_of,
};

#[test]
fn an_order_reads_by_the_names_of_partners_guides() {
    let order = set(ORDER);
    assert_eq!(found(&order), [""; 0]);
    assert_eq!(
        outline(&order.tree),
        "{ST:{ST01:850,ST02:0001},BEG:{BEG01:00,BEG02:SA,BEG03:PO123,BEG05:20261123},\
         REF:[{REF01:DP,REF02:038},{REF01:PS,REF02:R}],\
         N1:[{N101:ST,N102:PLANT 1000,N103:92,N104:1000,N3:[{N301:1 INDUSTRIAL PARKWAY}]}],\
         PO1:[{PO101:1,PO102:100,PO103:EA,PO104:12.50,PO106:VP,PO107:WIDGET-001,PID:[{PID01:F,PID05:BOLT M8X40}]},\
         {PO101:2,PO102:-5.5,PO103:KG}],CTT:{CTT01:2}}"
    );
    assert_eq!((order.kind.as_str(), order.version.as_str(), order.control.as_str()), ("850", "004010", "0001"));
    assert_eq!(order.segments, 11);
}

#[test]
fn the_levels_of_a_ship_notice_stand_in_their_parents() {
    let notice = set(NOTICE);
    assert_eq!(found(&notice), [""; 0]);
    for (path, value) in [
        (".HL[0].HL[0].PRF.PRF01", Some("4500000042")),
        (".HL[0].HL[0].HL[0].MAN[0].MAN02", Some("00340123450000000018")),
        (".HL[0].HL[0].HL[0].HL[0].SN1.SN102", Some("100")),
        (".HL[0].HL[0].HL[1].MAN[0].MAN02", Some("00340123450000000025")),
        (".HL[1].HL01", None),
    ] {
        assert_eq!(at(&notice.tree, path), value, "{path}");
    }
    let mut shuffled: Vec<&str> = NOTICE[..2].to_vec();
    shuffled.extend(&NOTICE[11..13]);
    shuffled.extend(&NOTICE[2..11]);
    shuffled.push(NOTICE[13]);
    let again = set(&shuffled);
    assert_eq!(found(&again), [""; 0]);
    assert_eq!(at(&again.tree, ".HL[0].HL[0].HL[0].MAN[0].MAN02"), Some("00340123450000000025"));
}

#[test]
fn edifact_has_components_release_characters_and_levels() {
    let orders = message(ORDERS);
    assert_eq!(found(&orders), [""; 0]);
    for (path, value) in [
        (".UNH.UNH02_5", Some("EAN008")),
        (".BGM.BGM02", Some("128576")),
        (".DTM[0].DTM01", Some("137")),
        (".DTM[0].DTM01_2", Some("20261123")),
        (".FTX[0].FTX04", Some("Fragile: 5+5' ?")),
        (".RFF[0].DTM[0].DTM01_2", Some("20261101")),
        (".NAD[0].NAD02_3", Some("9")),
        (".NAD[0].RFF[0].RFF01_2", Some("87765432")),
        (".LIN[0].LIN03", Some("4000862141404")),
        (".LIN[0].QTY[0].QTY01_2", Some("48,5")),
        (".UNS.CNT[0].CNT01_2", Some("1")),
    ] {
        assert_eq!(at(&orders.tree, path), value, "{path}");
    }
    let despatch = message(DESPATCH);
    assert_eq!(found(&despatch), [""; 0]);
    assert_eq!(at(&despatch.tree, ".CPS[0].CPS[0].LIN[0].QTY[0].QTY01_2"), Some("100"));
    assert_eq!(at(&despatch.tree, ".CPS[0].CPS[1].LIN[0].LIN03"), Some("4000862141411"));
    assert_eq!(despatch.version, "D:01B");
}

#[test]
fn repetitions_count_from_syntax_4_on() {
    let segments: &[&str] = &["UNH+1+DESADV:D:01B:UN", "BGM+351+A*B:2*C+9"];
    let three = message(segments);
    assert_eq!(at(&three.tree, ".BGM.BGM02"), Some("A*B"));
    let document = edifact_of(&[segments]).replace("UNA:+.? '\n", "").replace("UNOC:3", "UNOY:4");
    let four = only(read_edifact(&document));
    let four = four.messages().next().expect("a message");
    let values = [".BGM.BGM02", ".BGM.BGM02r2", ".BGM.BGM02r2_2", ".BGM.BGM02r3", ".BGM.BGM03"];
    assert_eq!(values.map(|path| at(&four.tree, path)), [Some("A"), Some("B"), Some("2"), Some("C"), Some("9")]);
}

/// The order with one segment replaced; `None` takes it away.
fn changed(at: usize, segment: Option<&'static str>) -> Vec<&'static str> {
    let mut order = ORDER.to_vec();
    match segment {
        Some(segment) => order[at] = segment,
        None => {
            order.remove(at);
        }
    }
    order
}

#[test]
fn what_makes_a_message_unusable_is_a_fault_with_its_place() {
    for (place, segment, said, inside) in [
        (1, "BEG*00*SA***20261123", "BEG03 is missing", "BEG*00*SA*".len()),
        (1, "BEG*00*SA*PO123**20261323", "BEG05 is not a date", "BEG*00*SA*PO123**".len()),
        (6, "PO1*1*a lot*EA", "PO102 is not a number", "PO1*1*".len()),
        (8, "PO1*2*1,5*KG", "PO102 is not a number", "PO1*2*".len()),
        (2, "bad*DP", "no segment begins here", 0),
        (2, "REFERENCE*DP", "no segment begins here", 0),
        (2, "DTM**20261123", "DTM01 is missing", "DTM*".len()),
    ] {
        let order = changed(place, Some(segment));
        let byte = x12_of("PO", &[&order]).find(segment).expect(segment) + inside;
        let fault = set(&order).document().expect_err(said).clone();
        let at = format!("transaction 0001, interchange 000000905, byte {byte}");
        assert_eq!((fault.message.as_str(), fault.at.as_str()), (said, at.as_str()), "{segment:?}");
    }
    let without = changed(1, None);
    let byte = x12_of("PO", &[&without]).find("REF*DP").expect("there");
    let fault = set(&without).document().expect_err("no BEG").clone();
    assert_eq!(
        fault.to_string(),
        format!("DECODE-008 BEG is missing (at transaction 0001, interchange 000000905, byte {byte})")
    );
    assert_eq!(fault.code, Code::DecodeMessage);
    let notice: Vec<&str> =
        NOTICE.iter().map(|segment| if *segment == "HL*3*2*T" { "HL*3*9*T" } else { segment }).collect();
    assert_eq!(found(&set(&notice)), ["HL02 names a parent that is not there"]);
}

#[test]
fn what_is_only_odd_is_told_and_kept() {
    for (place, segment, said, path, value) in [
        (2, "ZZ1*DP*038", "notice: ZZ1 is not in the guide", ".ZZ1[0].ZZ102", "038"),
        (3, "HL*1**S", "notice: HL is not expected here", "", ""),
        (3, "BEG*01*SA*PO124**20261123", "notice: BEG is not expected here", ".BEG_2[0].BEG03", "PO124"),
        (9, "REF*IA*1", "", ".PO1[1].REF[0].REF02", "1"),
        (5, "CUR*BY*EUR", "notice: CUR stands after what should follow it", ".CUR.CUR02", "EUR"),
        (2, "REF*DP", "notice: REF02 breaks the condition R0203", ".REF[0].REF01", "DP"),
        (3, "DTM*002*TOMORROW", "notice: DTM02 is not a date", ".DTM[0].DTM02", "TOMORROW"),
    ] {
        let known = said.contains("HL is not expected");
        let order = set(&changed(place, Some(segment)));
        let said = if known { "notice: HL is not in the guide" } else { said };
        assert_eq!(found(&order), if said.is_empty() { vec![] } else { vec![said] }, "{segment}");
        order.document().expect("notices leave a message usable");
        if !path.is_empty() {
            assert_eq!(at(&order.tree, path), Some(value), "{segment}");
        }
    }
}

#[test]
fn a_message_without_a_guide_is_a_list_of_segments() {
    let text = set(&["ST*864*0001", "BMG*00**03", "MIT*00001", "MSG*CALL ME", "MSG*THANKS"]);
    assert_eq!(found(&text), ["notice: no guide is known for this type of message"]);
    assert_eq!(
        outline(&text.tree),
        "{ST:{ST01:864,ST02:0001},segments:[{BMG:{BMG01:00,BMG03:03}},{MIT:{MIT01:00001}},\
         {MSG:{MSG01:CALL ME}},{MSG:{MSG01:THANKS}}]}"
    );
}
