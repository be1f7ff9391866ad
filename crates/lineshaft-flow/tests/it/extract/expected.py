"""Reads real documents by itself and prints what must be found in the events made of them, as JSON.

Deliberately simple and separate: standard library only, nothing of the program under test. Usage: expected.py <folder>.
Local times are those of UTC+9, a zone without clock changes. A value of null says that the field must not be there.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta, timezone
from pathlib import Path

PLANT = timezone(timedelta(hours=9))
UNITS = {"PC": "PCE", "KG": "KGM"}


def filled(value):
    """The text of a scalar; nothing for the empty text."""
    if value is None or value == "":
        return None
    return str(value)


def unit(code):
    return UNITS[code] if filled(code) else None


def day(value):
    """The day of an ISO date with or without time, or of /Date(ms)/."""
    if not filled(value):
        return None
    odata = re.fullmatch(r"/Date\((-?\d+)([+-]\d+)?\)/", value)
    if odata:
        return datetime.fromtimestamp(int(odata[1]) / 1000, timezone.utc).date().isoformat()
    return value[:10]


def moment(date, clock):
    """The instant of a day and a PT..H..M..S at the plant."""
    if not filled(date):
        return None
    hours, minutes, seconds = re.fullmatch(r"PT(\d+)H(\d+)M(\d+)S", clock or "PT00H00M00S").groups()
    local = datetime.fromisoformat(day(date)).replace(tzinfo=PLANT)
    local += timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
    return local.astimezone(timezone.utc).isoformat()


def instant(text):
    """An ISO instant; without an offset it is the plant's local time."""
    if not filled(text):
        return None
    text = re.sub(r"\.(\d+)", lambda fraction: "." + fraction[1].ljust(6, "0")[:6], text.replace("Z", "+00:00"))
    read = datetime.fromisoformat(text)
    read = read if read.tzinfo else read.replace(tzinfo=PLANT)
    return read.astimezone(timezone.utc).isoformat()


def rows(document):
    for wrapper in ("message", "value", "d", "ProductionOrderConfirmation"):
        if isinstance(document, dict) and isinstance(document.get(wrapper), (dict, list)):
            return rows(document[wrapper])
    if isinstance(document, dict) and isinstance(document.get("results"), list):
        return document["results"]
    return document if isinstance(document, list) else [document]


def order(row):
    return {
        "order": row["ManufacturingOrder"], "site": row["ProductionPlant"], "material": row["Material"],
        "quantity": row["TotalQuantity"], "unit": unit(row["ProductionUnit"]),
        "start": moment(row["MfgOrderPlannedStartDate"], row["MfgOrderPlannedStartTime"]),
        "end": moment(row["MfgOrderPlannedEndDate"], row["MfgOrderPlannedEndTime"]),
        "state": "completed" if row["OrderIsTechnicallyCompleted"] == "X" else "created",
        "version": row["LastChangeDateTime"], "operations": [], "components": [],
    }


def item(row):
    return {
        "order": row["ManufacturingOrder"], "detail": "item", "number": row["ManufacturingOrderItem"],
        "material": row["Material"], "quantity": row["MfgOrderItemPlannedTotalQty"],
        "done": row["MfgOrderItemGoodsReceiptQty"], "unit": unit(row["ProductionUnit"]),
        "location": filled(row["StorageLocation"]), "batch": filled(row["Batch"]), "needed_on": None,
    }


def operation(row):
    return {
        "order": row["ManufacturingOrder"], "detail": "operation", "number": row["ManufacturingOrderOperation"],
        "quantity": row["OpPlannedTotalQuantity"], "done": row["OpTotalConfirmedYieldQty"],
        "unit": unit(row["OperationUnit"]), "work_center": row["WorkCenter"],
        "start": moment(row["OpErlstSchedldExecStrtDte"], row["OpErlstSchedldExecStrtTme"]),
        "end": moment(row["OpErlstSchedldExecEndDte"], row["OpErlstSchedldExecEndTme"]),
        "text": row["MfgOrderOperationText"],
    }


def component(row):
    return {
        "order": row["ManufacturingOrder"], "detail": "component", "number": row["ReservationItem"],
        "operation": row["ManufacturingOrderOperation"], "material": row["Material"],
        "quantity": row["RequiredQuantity"], "done": row["WithdrawnQuantity"], "unit": unit(row["BaseUnit"]),
        "location": filled(row["StorageLocation"]), "batch": filled(row["Batch"]),
        "needed_on": day(row["MatlCompRequirementDate"]),
    }


def status(row):
    return {
        "order": row["ManufacturingOrder"], "detail": "status", "number": row["StatusCode"],
        "text": row["StatusShortName"], "user_status": row["IsUserStatus"], "quantity": None,
    }


def confirmation(row):
    ended = "ConfirmedExecutionEnd" if filled(row.get("ConfirmedExecutionEndDate")) else "ConfirmationEntry"
    known = {
        "order": row["OrderID"], "operation": filled(row.get("OrderOperation")), "site": row["Plant"],
        "material": row["Material"], "yield": row["ConfirmationYieldQuantity"],
        "scrap": row.get("ConfirmationScrapQuantity", "0"), "unit": unit(row.get("ConfirmationUnit")),
        "final": row.get("IsFinalConfirmation", False), "posting_date": day(row.get("PostingDate")),
        "work_center": filled(row.get("WorkCenter")), "reversal": None, "components": [],
        "finished_at": moment(row.get(ended + "Date"), row.get(ended + "Time")),
    }
    if row.get("ConfirmationCount"):
        known["id"] = row["ConfirmationGroup"] + "/" + row["ConfirmationCount"]
    return known


def consumption(row):
    return {
        "id": "/".join([row["MaterialDocumentYear"], row["MaterialDocument"], row["MaterialDocumentItem"]]),
        "order": row["OrderID"], "site": row["Plant"], "material": row["Material"], "batch": filled(row["Batch"]),
        "quantity": row["QuantityInEntryUnit"], "unit": unit(row["EntryUnit"]), "location": row["StorageLocation"],
        "reservation": row["Reservation"] + "/" + row["ReservationItem"], "complete": True, "reversal": None,
    }


def characteristic(row):
    return {
        "key": "/".join([row["Material"], row["Batch"], row["Characteristic"]]), "material": row["Material"],
        "batch": row["Batch"], "name": row["Characteristic"], "value": row["CharcValue"],
    }


def report(row):
    whole = row["kind"] == "order_completion"
    return {
        "id": row["message_key"], "order": row["erp_reference"], "operation": None if whole else str(row["seq"]),
        "scope": "order" if whole else "operation", "material": row["material"], "yield": str(row["good_qty"]),
        "scrap": str(row["scrap_qty"]), "unit": None, "final": whole, "batch": row.get("lot"),
        "started_at": instant(row["started_at"]), "finished_at": instant(row["completed_at"]),
        "posting_date": row["completed_at"][:10], "components": [],
    }


def bare(path):
    """The root element, names without their namespaces."""
    root = ElementTree.parse(path).getroot()
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
    return root


def said(element, path):
    found = element.find(path)
    return None if found is None else filled((found.text or "").strip())


def need(requirement):
    return {
        "material": said(requirement, "MaterialDefinitionID"), "quantity": said(requirement, "Quantity/QuantityString"),
        "unit": unit(said(requirement, "Quantity/UnitOfMeasure")),
    }


def b2mml_order(root):
    for request in root.iter("ProductionRequest"):
        needs = list(request.iter("MaterialRequirement"))
        used = [one for one in needs if said(one, "MaterialUse") == "Consumed"]
        aside = [one for one in needs if said(one, "MaterialUse") is None]
        made = [one for one in needs if said(one, "MaterialUse") == "Produced"]
        names = [said(segment, "ID") or said(segment, "ProcessSegmentID") for segment in request.iter("SegmentRequirement")]
        yield {
            "order": said(request, "ID"), **need(made[0]), "state": "released", "start": None, "end": None,
            "version": instant(said(root, "ApplicationArea/CreationDateTime")),
            "operations": [{"operation": name} for name in names],
            "components": [{**need(one), "location": said(one, "Location/EquipmentID")} for one in used],
            "allocations": [
                {**need(one), "batch": said(one, "MaterialLotID"), "container": said(one, "MaterialSubLotID")}
                for one in aside
            ],
        }


def b2mml_properties(element, name):
    return [
        {"name": said(one, "ID"), "value": said(value, "ValueString")}
        for one in element.iter(name) for value in one.iter("Value") if said(one, "ID") != "BaseUnitOfMeasure"
    ]


def b2mml_material(root):
    for one in root.iter("MaterialDefinition"):
        base = [each for each in one.iter("MaterialDefinitionProperty") if said(each, "ID") == "BaseUnitOfMeasure"][0]
        yield {
            "material": said(one, "ID"), "description": said(one, "Description"), "units": [],
            "base_unit": unit(said(base, "Value/ValueString")),
            "properties": b2mml_properties(one, "MaterialDefinitionProperty"),
        }


def b2mml_lot(root):
    for information in root.iter("MaterialInformation"):
        for lot in information.iter("MaterialLot"):
            material = said(lot, "MaterialDefinitionID") or said(information, "ID")
            yield {
                "key": material + "/" + said(lot, "ID"), "material": material, "batch": said(lot, "ID"),
                "status": said(lot, "Status"), "properties": b2mml_properties(lot, "MaterialLotProperty"),
            }


def fsmes_segment(root):
    for one in root.iter("SegmentResponse"):
        yield {
            "id": said(one, "MessageKey"), "order": said(one, "ERPReference"), "operation": said(one, "SegmentID"),
            "scope": "operation", "material": said(one, "Product"), "yield": said(one, "GoodQuantity"),
            "scrap": said(one, "ScrapQuantity"), "unit": None, "final": False, "work_center": said(one, "WorkCenter"),
            "equipment": said(one, "EquipmentID"), "started_at": instant(said(one, "StartTime")),
            "finished_at": instant(said(one, "EndTime")), "posting_date": said(one, "EndTime")[:10], "components": [],
        }


# Which documents are read: pattern, interface, how.
READ = [
    ("sap_odata/production-order-reads*order-01-general*.json", "erp-odata/order", order),
    ("sap_odata/production-order-reads*order-02-component*.json", "erp-odata/order-detail", component),
    ("sap_odata/production-order-reads*order-03-item*.json", "erp-odata/order-detail", item),
    ("sap_odata/production-order-reads*order-04-operation*.json", "erp-odata/order-detail", operation),
    ("sap_odata/production-order-reads*order-05-status*.json", "erp-odata/order-detail", status),
    ("sap_odata/production-order-conf-creates*.json", "erp-odata/confirmation", confirmation),
    ("sap_odata/production-order-conf-reads*confirmation-sample.json", "erp-odata/confirmation", confirmation),
    ("sap_odata/production-order-conf-reads*material-movements*.json", "erp-odata/consumption", consumption),
    ("sap_odata/production-order-conf-reads*batch-characteristic*.json", "erp-odata/batch-characteristic", characteristic),
    ("mes_fsmes/*confirmations.json", "mes-fsmes/report", report),
    ("b2mml/examples/PRO-*.xml", "mes-b2mml/order", b2mml_order),
    ("b2mml/examples/MAT-*.xml", "mes-b2mml/material", b2mml_material),
    ("b2mml/examples/LOT-*.xml", "mes-b2mml/lot", b2mml_lot),
    ("mes_fsmes/*.xml", "mes-fsmes/segment", fsmes_segment),
]


def main(folder):
    documents = []
    for pattern, interface, read in READ:
        for path in sorted(folder.glob(pattern)):
            if path.suffix == ".xml":
                parts = list(read(bare(path)))
            else:
                # Numbers keep their digits, as text.
                text = path.read_text(encoding="utf-8-sig")
                parts = [read(row) for row in rows(json.loads(text, parse_float=str))]
            documents.append({"file": str(path.relative_to(folder)), "interface": interface, "parts": parts})
    json.dump(documents, sys.stdout, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
